"""H10: a newcomer's whole life through every door, by real requests and commits; then his data is looked for in clear, everywhere."""

import base64
import json
import logging
import re
import uuid
import zlib

import pytest
import redis
from django.conf import settings as live
from django.db import connection
from django.test import Client

from foundation import transactions
from foundation.access.models import Role
from foundation.actors import Actor
from foundation.approvals import deciding
from foundation.approvals.models import Request
from foundation.audit.recording import record
from foundation.jobs import clock
from foundation.outbox import relaying
from members import enrolling
from members.models import Member
from members.reports import MemberReport
from privacy import erasing
from privacy.models import Export
from tests.api.conftest import bearing, system
from tests.console.conftest import posted
from tests.factories import BankFactory, BranchFactory, ConsentTextFactory, PointCurrencyFactory
from tests.privacy.cast import traces

WHO = {
    "full_name": "欧阳小明",
    "phone": "13812345678",
    "email": "xiaoming.ouyang@example.org",
    "national_id": "110101199003077758",
    "birth_date": "1990-03-07",
}
# In clear, as a URL, as JSON and as bytes would write them.
CORPUS = (
    *(WHO[part] for part in ("full_name", "phone", "national_id", "email")),
    "小明",
    "xiaoming.ouyang",
    "%E6%AC%A7%E9%98%B3",
    "\\u6b27\\u9633",
    "correct-horse-battery-9",
)
PASSWORD = "correct-horse-battery-9"


@pytest.fixture
def bank(committed, settings, tmp_path):
    settings.MESSAGES_FILE = str(tmp_path / "messages.jsonl")
    settings.MESSAGES_PROVIDER = "file"
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    BankFactory(business_date=clock.today())
    PointCurrencyFactory()
    branch = BranchFactory(code="000")
    for purpose in ("terms", "privacy", "marketing"):
        ConsentTextFactory(purpose=purpose)
    return branch, tmp_path / "messages.jsonl"


def relay() -> None:
    relaying.relay(at=clock.now(), actor=Actor.job("relay_outbox"))


def joins(browser: Client, messages) -> None:
    """Join in the portal, with a slip of the pen, and sign in anew."""
    browser.post("/join", WHO | {"phone": "12"})
    browser.post("/join", WHO)
    relay()
    code = re.search(r"\d{6}", json.loads(messages.read_text().splitlines()[-1])["text"])[0]
    browser.post("/join/code", {"code": "000000"})
    browser.post("/join/code", {"code": code})
    answer = browser.post("/join/agree", {"terms": "1", "privacy": "1", "marketing": "1", "password": PASSWORD})
    assert answer["Location"] == "/"
    browser.post("/accounts/logout/")
    browser.post("/accounts/login/", {"login": WHO["phone"], "password": WHO["full_name"]})
    browser.post("/accounts/login/", {"login": Member.objects.get().number, "password": PASSWORD})
    browser.get(f"/nowhere/{WHO['phone']}?who={WHO['full_name']}")
    for page in ("/", "/me", "/me/data", "/me/consents", "/points", "/tier"):
        assert browser.get(page).status_code in (200, 404)


def staff_look(member: Member, branch) -> None:
    """Search, reveal, correct, hold, disclose and ask for a copy, with his data typed wherever somebody may type it."""
    user = posted(Role.COMPLIANCE, branch)
    console = Client()
    console.force_login(user)
    for text in (WHO["full_name"], WHO["phone"], WHO["national_id"], WHO["email"]):
        console.post("/console/search/", {"text": text})
        console.get("/console/members/member/", {"q": text, "branch": text})
        console.get("/console/audit/auditevent/", {"actor": text, "subject_id": text})
    shown = console.post(f"/console/members/member/{member.pk}/reveal/", {"reason": "He called us"})
    assert WHO["phone"] in console.get(shown["Location"]).content.decode()
    console.post(f"/console/members/member/{member.pk}/data/hold/", {"reason": "court", "until": "never"})
    asked = {"id": str(uuid.uuid4()), "reason": "He came with his card"}
    console.post(f"/console/members/member/{member.pk}/data/copy/", asked)
    made = Request.objects.get(kind="privacy.export")
    another = posted(Role.COMPLIANCE, branch)
    decided = {"request_id": made.pk, "seen_hash": made.payload_hash, "actor": Actor(user=another), "at": clock.now()}
    transactions.commit(deciding.approve, **decided)
    relay()
    export = Export.objects.get()
    file = console.post(f"/console/members/member/{member.pk}/data/copies/{export.pk}/")
    assert b"PK" in b"".join(file.streaming_content)[:4]


def systems_call(member: Member) -> None:
    """Call the API with his data where ids and numbers belong, and report him by the core bank's file."""
    partner = bearing(system("members:read", "redemptions:write", "activities:write"))
    partner.get("/api/v1/members", {"branch": WHO["full_name"], "status": WHO["phone"]})
    body = {"member": WHO["phone"], "points": WHO["full_name"], "purpose": WHO["email"]}
    kind = {"content_type": "application/json"}
    partner.post("/api/v1/redemptions", body, headers={"idempotency-key": "k1"}, **kind)
    partner.post("/api/v1/activities:batch", {"activities": [{"member": WHO["phone"]}]}, **kind)
    Client().post("/api/v1/enrolments", WHO | {"phone": "x"}, **kind)
    report = MemberReport(
        number=member.number,
        branch_code="000",
        joined_on=member.joined_on,
        full_name=WHO["full_name"],
        phone=WHO["phone"],
    )
    transactions.commit(enrolling.enrol, batch=[report], at=clock.now(), actor=Actor.job("intake"))


def breaks(browser: Client, monkeypatch) -> str:
    """Let a page break with his data in hand; return what it shows."""

    def broken(**_arguments):
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr("members.joining.begin", broken)
    stranger = Client(raise_request_exception=False)
    answer = stranger.post("/join", WHO)
    assert answer.status_code == 500
    return answer.content.decode()


def broker() -> str:
    """Return everything that the broker and the cache hold, as text."""
    client = redis.Redis.from_url(live.REDIS_URL)
    held = []
    for key in client.scan_iter():
        kind = client.type(key)
        value = {
            b"string": lambda key=key: [client.get(key)],
            b"list": lambda key=key: client.lrange(key, 0, -1),
            b"set": lambda key=key: list(client.smembers(key)),
            b"hash": lambda key=key: [part for pair in client.hgetall(key).items() for part in pair],
            b"zset": lambda key=key: client.zrange(key, 0, -1),
        }[kind]()
        held += [key, *(one for one in value if one is not None)]
    texts = [one.decode("utf-8", "replace") for one in held]
    # A message's body is base64 within its JSON.
    for text in list(texts):
        for body in re.findall(r'"body": "([A-Za-z0-9+/=]{8,})"', text):
            texts.append(base64.b64decode(body).decode("utf-8", "replace"))
    return "\n".join(texts)


def sessions() -> str:
    """Return what the sessions hold, unpacked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_data FROM django_session")
        packed = [row[0] for row in cursor.fetchall()]
    told = []
    for data in packed:
        body = data.split(":")[0]
        is_packed = body.startswith(".")
        raw = base64.urlsafe_b64decode(body.lstrip(".") + "=" * (-len(body.lstrip(".")) % 4))
        told.append((zlib.decompress(raw) if is_packed else raw).decode("utf-8", "replace"))
    return "\n".join(told)


def test_nothing_personal_stands_in_clear_anywhere(bank, caplog, capfd, monkeypatch):
    branch, messages = bank
    caplog.set_level(logging.INFO)
    browser = Client()
    joins(browser, messages)
    member = Member.objects.get()
    staff_look(member, branch)
    systems_call(member)
    browser.post("/me/data/copy")
    relay()
    export = Export.objects.latest("asked_at")
    browser.post(f"/me/data/copies/{export.pk}", {"password": WHO["full_name"]})
    assert browser.post(f"/me/data/copies/{export.pk}", {"password": PASSWORD}).status_code == 200
    page = breaks(browser, monkeypatch)
    # While he is a member his data is sealed; nothing tells it in clear.
    assert traces(CORPUS) == []
    in_sessions = sessions()

    erased = browser.post("/me/data/erase", {"sure": "on", "password": PASSWORD})
    assert erasing.certificate_of(member.pk).number in erased.content.decode()

    told = "\n".join([*(f"{one.getMessage()} {one.__dict__}" for one in caplog.records), *capfd.readouterr()])
    metrics = Client().get("/metrics").content.decode()
    places = {"logs": told, "metrics": metrics, "broker": broker(), "sessions": in_sessions, "error page": page}
    found = [(place, part) for place, text in places.items() for part in CORPUS if part in text]
    assert "request_finished" in told
    assert "broken on purpose" in told
    assert found == []
    assert traces(CORPUS) == []


def test_the_scan_would_find_it(db):
    """The naive twin: one reason that names him is found."""
    record(
        verb="x", actor=Actor.job("x"), subject_kind="member", subject_id=1, at=clock.now(), reason="欧阳小明 called"
    )

    assert ("audit_auditevent", "欧阳小明") in traces(CORPUS)
