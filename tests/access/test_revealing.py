"""A person in clear: by role and branch, with a reason and a trace, for a minute, so many times a day; never in a log or a metric."""

import datetime
import logging
import re
import uuid

import pytest
from django.test import Client

from foundation import transactions
from foundation.access.models import Role
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.refusals import Refusal
from members import revealing
from members.models import Person
from members.sealing import PersonalData, seal_person
from tests.api.conftest import bearing, system
from tests.console.conftest import House, posted

WHO = PersonalData(
    full_name="欧阳小明",
    phone="13812345678",
    national_id="110101199003077758",
    email="xiaoming.ouyang@example.org",
    birth_date=datetime.date(1990, 3, 7),
)
CORPUS = (
    "欧阳小明", "小明", "13812345678", "110101199003077758", "xiaoming.ouyang", "1990-03-07", "%E6%AC%A7", "\\u6b27",
)  # fmt: skip
AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)


@pytest.fixture
def person(house: House) -> House:
    """The house, the near member with personal data of his own."""
    Person.objects.filter(member=house.near).delete()
    seal_person(house.near.pk, WHO).save()
    return house


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def form_of(house: House) -> str:
    return f"/console/members/member/{house.near.pk}/reveal/"


def look(client: Client, house: House, reason: str = "He called about his card") -> str:
    """Ask to see the near member in clear and return the address of the page."""
    answer = client.post(form_of(house), {"reason": reason})
    assert answer.status_code == 302, answer.content.decode()
    return answer["Location"]


def test_he_sees_it_for_a_minute_with_a_reason_and_leaves_a_trace(person: House) -> None:
    user = posted(Role.TELLER, person.pudong)
    client = signed_in(user)

    masked = client.get(f"/console/members/member/{person.near.pk}/").content.decode()
    page = client.get(look(client, person))

    assert not [part for part in CORPUS if part in masked]
    assert all(part in page.content.decode() for part in ("欧阳小明", "13812345678", "110101199003077758"))
    assert "no-store" in page["Cache-Control"]
    assert page["Refresh"].split("; ")[1] == f"url=/console/members/member/{person.near.pk}/"
    assert 0 < int(page["Refresh"].split(";")[0]) <= 60
    event = AuditEvent.objects.get(verb="members.reveal")
    assert (event.actor, event.subject_id, event.reason, event.address) == (
        user,
        str(person.near.pk),
        "He called about his card",
        "127.0.0.1",
    )


def test_after_a_minute_the_server_shows_it_no_more(person: House) -> None:
    user = posted(Role.TELLER, person.pudong)
    event = transactions.commit(revealing.reveal, member=person.near, reason="He called", actor=Actor(user=user), at=AT)

    seen = [
        revealing.revealed(look=event.pk, member=person.near, user=user, at=AT + datetime.timedelta(seconds=seconds))
        for seconds in (-1, 0, 59, 60)
    ]

    assert [bool(one) for one in seen] == [False, True, True, False]
    old = signed_in(user).get(f"{form_of(person)}{event.pk}/")
    assert (old.status_code, old["Location"]) == (302, f"/console/members/member/{person.near.pk}/")


def test_a_look_is_nobody_else_s_and_for_nobody_else(person: House) -> None:
    address = look(signed_in(posted(Role.TELLER, person.pudong)), person)
    other = signed_in(posted(Role.TELLER, person.pudong))

    assert other.get(address).status_code == 302
    assert other.get(f"{form_of(person)}{uuid.uuid4()}/").status_code == 302
    far = signed_in(posted(Role.TELLER, person.harbour))
    assert (far.get(address).status_code, far.post(form_of(person), {"reason": "curious"}).status_code) == (404, 404)


@pytest.mark.parametrize("role", [Role.MARKETING, Role.ANALYST, Role.IT, Role.AUDITOR, Role.PARTNER, Role.FINANCE])
def test_a_role_without_need_sees_nobody_in_clear(person: House, role: Role) -> None:
    client = signed_in(posted(role, person.head_office))

    assert (client.get(form_of(person)).status_code, client.post(form_of(person)).status_code) == (403, 403)
    assert not AuditEvent.objects.filter(verb="members.reveal").exists()


@pytest.mark.parametrize("reason", ["", "x", " \u200b  \u202e ", "y" * 201])
def test_without_a_reason_nothing_is_shown_and_nothing_kept(person: House, reason: str) -> None:
    answer = signed_in(posted(Role.TELLER, person.pudong)).post(form_of(person), {"reason": reason})

    assert answer.status_code in (200, 422)
    assert "13812345678" not in answer.content.decode()
    assert not AuditEvent.objects.filter(verb="members.reveal").exists()


def test_above_the_day_s_limit_it_is_refused_and_counted(person: House, settings, caplog) -> None:
    settings.PII_REVEALS_A_DAY = 2
    client = signed_in(posted(Role.CUSTOMER_SERVICE, person.pudong))
    before = counted(client)
    caplog.set_level(logging.WARNING)

    look(client, person)
    look(client, person)
    third = client.post(form_of(person), {"reason": "once more"})

    assert third.status_code == 429
    assert AuditEvent.objects.filter(verb="members.reveal").count() == 2
    assert AuditEvent.objects.get(verb="members.reveal_refused").reason == "once more"
    after = counted(client)
    assert {name: after.get(name, 0) - before.get(name, 0) for name in after} == {"reveals": 2, "reveals_refused": 1}
    assert "too_many_reveals" in caplog.text


def counted(client: Client) -> dict[str, float]:
    """Return what /metrics says of the looks of customer service."""
    text = client.get("/metrics").content.decode()
    found = re.findall(r'loyalty_pii_(\w+)_total\{role="customer_service"\} ([\d.]+)', text)
    return {name: float(value) for name, value in found}


def test_a_new_day_begins_anew(person: House, settings) -> None:
    settings.PII_REVEALS_A_DAY = 1
    user = posted(Role.TELLER, person.pudong)
    asked = {"member": person.near, "reason": "He called", "actor": Actor(user=user)}
    # Midnight in Shanghai is 16:00 UTC.
    evening = datetime.datetime(2026, 3, 2, 15, 59, 59, tzinfo=datetime.UTC)
    transactions.commit(revealing.reveal, **asked, at=evening)

    with pytest.raises(Refusal, match="1 people today"):
        transactions.commit(revealing.reveal, **asked, at=evening)
    transactions.commit(revealing.reveal, **asked, at=evening + datetime.timedelta(seconds=1))

    assert AuditEvent.objects.filter(verb="members.reveal").count() == 2


def test_the_system_and_one_without_a_number_see_nobody(person: House) -> None:
    nameless = posted(Role.TELLER, person.pudong)
    nameless.employee_number = None

    for actor in (Actor.job("curious"), Actor(user=nameless)):
        with pytest.raises(Refusal):
            transactions.commit(revealing.reveal, member=person.near, reason="He called", actor=actor, at=AT)
    assert not AuditEvent.objects.filter(verb="members.reveal").exists()


def test_no_log_line_and_no_metric_holds_personal_data(person: House, caplog, capfd) -> None:
    """H10: a day's real requests with a person's data in every place where it can stand."""
    caplog.set_level(logging.DEBUG)
    client = signed_in(posted(Role.TELLER, person.pudong))
    for text in (WHO.full_name, WHO.phone, WHO.national_id, "oyxm", "欧阳 5678"):
        client.post("/console/search/", {"text": text})
        client.get("/console/members/member/", {"branch": text, "q": text})
        client.get("/console/ledger/", {"member": text})
        client.get(f"/console/nowhere/?who={text}")
        client.post("/accounts/login/", {"login": text, "password": text})
    client.get(look(client, person))
    client.post(form_of(person), {"reason": ""})
    partner = bearing(system("members:read", "redemptions:write"))
    partner.get("/api/v1/members", {"branch": WHO.full_name, "status": WHO.phone})
    partner.post(
        "/api/v1/redemptions",
        {"member": WHO.phone, "points": WHO.full_name, "purpose": WHO.email},
        content_type="application/json",
        headers={"idempotency-key": "key-1"},
    )

    told = "\n".join([*(f"{record.getMessage()} {record.__dict__}" for record in caplog.records), *capfd.readouterr()])
    metrics = client.get("/metrics").content.decode()

    assert "request_finished" in told
    assert "http_request_duration_seconds" in metrics
    assert not [part for part in CORPUS if part in told]
    assert not [part for part in CORPUS if part in metrics]


def test_the_edge_reads_one_clock(person: House) -> None:
    """The page's minute is the database's, as the event's is."""
    before = clock.now()

    look(signed_in(posted(Role.TELLER, person.pudong)), person)

    assert before <= AuditEvent.objects.get(verb="members.reveal").at <= clock.now()
