"""Files in the console: the list to mend, what a role sees of a member, the forms that mend, and the one time line."""

import datetime
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from activity.models import Activity, Source
from foundation.access.models import Role
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.audit.recording import record
from foundation.outbox.owing import Owed, owe
from members import consents, knowing
from members.consents import Choice
from members.files import FactChange, FactSource, MemberFile
from members.models import Member
from members.sealing import PersonalData, seal_person
from points import ledger
from points.models import Kind, PointCurrency
from tests.console.conftest import House, posted
from tests.factories import ConsentTextFactory, MemberFactory, UserFactory

TODAY = datetime.date(2026, 3, 2)
NOON = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
DIMENSIONS = (
    "shanghai harbour shipping",
    "clerk of works",
    "1990-05-01",
    "10088880001",
    "li@example.com",
    "1 harbour road",
)


@pytest.fixture
def near(house: House) -> Member:
    """The near member with a whole file, everything of which may be known."""
    member = house.near
    data = PersonalData(
        full_name="王小明",
        phone="10088880001",
        email="li@example.com",
        birth_date=datetime.date(1990, 5, 1),
        gender="male",
    )
    seal_person(member.pk, data).save()
    for purpose in ("terms", "privacy", "profiling"):
        ConsentTextFactory(purpose=purpose)
    choice = Choice(purpose="profiling", version=1, given=True)
    said = {"today": TODAY, "at": NOON, "actor": Actor(user=UserFactory())}
    consents.choose([choice], member_id=member.pk, channel="branch", **said)
    facts = {
        "employer": "Shanghai Harbour Shipping", "post": "Clerk of works", "income_band": "c", "education": "master", "address":
        "1 Harbour Road", "interests": "travel,music",
    }  # fmt: skip
    knowing.put(member_id=member.pk, facts=facts, source=FactSource.TOLD, told_on=TODAY, **said)
    return member


def page_of(client: Client, member: Member, tab: str = "file", **more: str) -> str:
    answer = client.get(f"/console/members/member/{member.pk}/", {"tab": tab} | more)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_teller_sees_what_is_held_and_no_sensitive_value(near: Member, teller: Client) -> None:
    pages = "".join(page_of(teller, near, tab) for tab in ("file", "contacts", "timeline"))

    assert [word for word in DIMENSIONS if word in pages.lower()] == []
    assert "¥100,000 to ¥300,000" not in pages
    assert "master&#x27;s degree" in pages
    assert "travel, music" in pages
    assert "35 years old" in pages or "36 years old" in pages
    assert "told to staff" in pages


def test_a_relationship_manager_sees_what_he_advises_by(house: House, near: Member, client: Client) -> None:
    client.force_login(posted(Role.RELATIONSHIP_MANAGER, house.pudong))

    page = page_of(client, near)

    assert "¥100,000 to ¥300,000" in page
    assert "Shanghai Harbour Shipping" in page
    assert "1 Harbour Road" not in page


def test_a_consent_taken_back_shows_on_the_page_and_hides_the_value(near: Member, teller: Client) -> None:
    no = Choice(purpose="profiling", version=1, given=False)
    said = {"today": TODAY, "at": NOON, "actor": Actor(user=UserFactory())}
    consents.choose([no], member_id=near.pk, channel="portal", **said)

    page = page_of(teller, near)

    assert "consent withdrawn" in page
    assert "master&#x27;s degree" not in page
    assert "no profiling" in page


def test_files_to_mend_stand_by_their_score_in_his_branches_only(house: House, near: Member, teller: Client) -> None:
    worse = MemberFactory(number="A-WORSE", branch=house.lujiazui)
    far = MemberFactory(number="A-FAR-3", branch=house.harbour)
    for member in (worse, far):
        said = {"today": TODAY, "at": NOON, "actor": Actor(user=UserFactory())}
        knowing.put(member_id=member.pk, facts={"post": "Clerk"}, source="told", told_on=TODAY, **said)

    listed = teller.get("/console/members/memberfile/").context["cl"].result_list
    lacking = teller.get("/console/members/memberfile/?missing=employer").context["cl"].result_list
    home = teller.get("/console/")

    assert [file.member.number for file in listed] == ["A-WORSE", "A-NEAR-1"]
    assert [file.member.number for file in lacking] == ["A-WORSE"]
    assert home.context["figures"]["files"] == 2
    assert "/console/members/memberfile/" in home.content.decode()


def test_the_list_never_counts_and_costs_the_same_for_many(house: House, teller: Client) -> None:
    def made(count: int) -> None:
        people = MemberFactory.create_batch(count, branch=house.lujiazui)
        due = TODAY + datetime.timedelta(days=900)
        MemberFile.objects.bulk_create(
            MemberFile(member=one, score=7, complete=7, fresh=100, reviewed_on=TODAY, due_on=due) for one in people
        )

    def statements(path: str) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert teller.get(path).status_code == 200
        return [query["sql"] for query in captured]

    made(1)
    one = statements("/console/members/memberfile/")
    made(120)
    many, seen, path = statements("/console/members/memberfile/"), [], "/console/members/memberfile/"
    while path:
        listed = teller.get(path).context["cl"]
        seen += [file.pk for file in listed.result_list]
        path = f"/console/members/memberfile/{listed.next_url}" if listed.next_url else ""

    assert len(one) == len(many) <= 12
    assert not [sql for sql in many if "COUNT(" in sql]
    assert len(seen) == len(set(seen)) == 121


def test_staff_write_what_they_were_told(near: Member, teller: Client) -> None:
    said = {
        "source": "document",
        "told_on": "2026-03-01",
        "reason": "passport seen",
        "full_name": "王大明",
        "employer": "Dockyard",
    }

    answer = teller.post(f"/console/members/member/{near.pk}/file/mend/", said)

    assert answer.status_code == 302
    member = Member.objects.select_related("person", "file").get(pk=near.pk)
    told = {one.fact.code: one for one in knowing.read(member, on=TODAY)}
    assert (told["employer"].value, told["employer"].source) == ("Dockyard", "document")
    assert told["full_name"].value == "王大明"
    assert AuditEvent.objects.filter(verb="knowing.put", reason="passport seen").get().new["full_name"] == "王*"


@pytest.mark.parametrize(
    "said",
    [
        {"full_name": "王大明"},
        {"phone": "twelve", "source": "document"},
        {"told_on": "2999-01-01", "post": "Clerk"},
        {"reason": "", "post": "Clerk"},
        {"education": "none"},
        {"source": "core", "post": "Clerk"},
    ],
)
def test_a_form_filled_in_wrongly_says_so_and_writes_nothing(
    near: Member, teller: Client, said: dict[str, str]
) -> None:
    before = MemberFile.objects.values().get(pk=near.pk), FactChange.objects.count()
    whole = {"source": "told", "told_on": "2026-03-01", "reason": "at the counter"} | said

    answer = teller.post(f"/console/members/member/{near.pk}/file/mend/", whole)

    assert answer.status_code in (200, 409, 422)
    assert 'role="alert"' in answer.content.decode()
    assert (MemberFile.objects.values().get(pk=near.pk), FactChange.objects.count()) == before


def test_looking_through_moves_the_review(near: Member, teller: Client) -> None:
    before = MemberFile.objects.get(pk=near.pk).due_on

    answer = teller.post(f"/console/members/member/{near.pk}/file/confirm/", {"reason": "with the customer"})

    assert answer.status_code == 302
    assert MemberFile.objects.get(pk=near.pk).due_on > before


def test_who_may_not_mend_is_refused_and_the_far_file_does_not_exist(
    house: House, near: Member, client: Client
) -> None:
    client.force_login(posted(Role.AUDITOR, house.head_office))
    auditor = client.get(f"/console/members/member/{near.pk}/file/mend/").status_code
    client.force_login(posted(Role.TELLER, house.pudong))

    assert auditor == 403
    assert client.get(f"/console/members/member/{house.far.pk}/file/mend/").status_code == 404
    assert client.post(f"/console/members/member/{house.far.pk}/file/confirm/", {"reason": "x"}).status_code == 404
    assert AuditEvent.objects.filter(subject_id=f"{house.far.pk}").count() == 0


def happened_to(house: House, *, count: int) -> None:
    """Let the near member earn `count` times, and as many of everything else within one instant."""
    member, source = house.near, Source.objects.get_or_create(code="core")[0]
    currency = PointCurrency.objects.get(code="points")
    begin = Activity.objects.count()
    ledger.post(
        [
            ledger.Posting(
                member_id=member.pk, currency_id=currency.pk, key=uuid.uuid4(), kind=Kind.EARN, points=1, occurred_on=TODAY,
                expires_on=datetime.date(2027, 3, 31), cause="test",
            )
            for _number in range(count)
        ],
        actor=None,
    )  # fmt: skip
    Activity.objects.bulk_create(
        Activity(
            member_id=member.pk, source_id=source.pk, external_id=f"a{begin + number:05}", kind="card_spend", currency="CNY",
            amount_minor=100, occurred_at=NOON, occurred_on=TODAY, booked_on=TODAY,
        )
        for number in range(count)
    )  # fmt: skip
    for number in range(min(count, 40)):
        record(
            verb="members.reveal",
            actor=Actor.job("test"),
            subject_kind="member",
            subject_id=member.pk,
            at=NOON,
            reason=f"r{number}",
        )
        owe([Owed(member_id=member.pk, key=f"k{begin}/{number}", payload={"kind": "welcome"})], topic="messages.send")


def test_the_time_line_shows_every_kind_once_however_it_is_paged(
    house: House, near: Member, compliance: Client
) -> None:
    happened_to(house, count=60)
    path, after, seen = f"/console/members/member/{near.pk}/?tab=timeline", "", []

    while after is not None:
        context = compliance.get(path, {"tab": "timeline", "after": after} if after else {"tab": "timeline"}).context
        seen += [(row.at, row.kind, row.id) for row in context["happened"]]
        after = context["next_page"]

    assert len(seen) == len(set(seen))
    assert seen == sorted(seen, reverse=True)
    counts = {kind: sum(row[1] == kind for row in seen) for kind in {row[1] for row in seen}}
    # The member's own events: consents given, facts put, 40 looks; the consent itself and the facts stand as their own kinds too.
    assert counts == {"activity": 60, "entry": 60, "look": 40, "message": 40, "consent": 1, "fact": 6, "audit": 2}


def test_one_kind_alone_and_what_a_teller_may_not_read(house: House, near: Member, teller: Client) -> None:
    happened_to(house, count=3)

    alone = teller.get(f"/console/members/member/{near.pk}/?tab=timeline&kind=fact").context["happened"]
    every = teller.get(f"/console/members/member/{near.pk}/?tab=timeline").context["happened"]
    looks = teller.get(f"/console/members/member/{near.pk}/?tab=timeline&kind=look").context["happened"]
    trail = teller.get(f"/console/members/member/{near.pk}/?tab=audit").context["tab"]

    assert {row.kind for row in alone} == {"fact"}
    assert {row.kind for row in every} & {"look", "audit"} == set()
    assert {row.kind for row in looks} & {"look", "audit"} == set()
    assert trail == "tier"


@pytest.mark.parametrize("tab", ["tier", "points", "timeline", "file", "accounts", "consents", "contacts", "audit"])
def test_any_tab_takes_twenty_statements_at_most_with_ten_thousand_of_everything(
    house: House, near: Member, compliance: Client, tab: str
) -> None:
    path = f"/console/members/member/{near.pk}/?tab={tab}"
    happened_to(house, count=30)
    with CaptureQueriesContext(connection) as few:
        assert compliance.get(path).status_code == 200
    happened_to(house, count=10_000)

    with CaptureQueriesContext(connection) as many:
        assert compliance.get(path).status_code == 200

    assert len(many) == len(few) <= 20
