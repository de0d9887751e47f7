"""The member's own app reads what the portal shows, and nothing of anybody else's."""

import datetime
import uuid

import pytest
from django.test import Client

from activity.reports import ActivityReport
from campaigns import earning
from foundation.actors import Actor
from members.models import Member
from points import ledger
from points.models import Kind, PointCurrency
from tests.factories import MemberFactory, PointCurrencyFactory, UserFactory

TELLER = Actor.job("test")


@pytest.fixture
def me(bank):
    """The bank's member M00000001, signed in."""
    member = Member.objects.get(number="M00000001")
    member.user = UserFactory()
    member.save(update_fields=["user"])
    client = Client()
    client.force_login(member.user)
    client.member = member
    return client


def spend(member, external_id: str, amount_minor: int) -> None:
    report = ActivityReport(
        source="core",
        external_id=external_id,
        member_number=member.number,
        kind="card_spend",
        direction="debit",
        amount_minor=amount_minor,
        currency="CNY",
        occurred_at=datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC),
    )
    earning.take([report], actor=TELLER)


def test_me_says_who_i_am(me):
    body = me.get("/api/v1/me").json()

    assert body["id"] == f"mem_{me.member.pk}"
    assert (body["number"], body["memberSince"], body["status"]) == ("M00000001", "2024-01-15", "active")


def test_an_entry_tells_its_reason(me):
    spend(me.member, "T1", 128_50)

    page = me.get("/api/v1/me/ledger-entries").json()

    assert page["hasMore"] is False
    [entry] = page["data"]
    assert (entry["id"], entry["points"], entry["balanceAfter"], entry["kind"]) == ("ent_points_1", 128, 128, "earn")
    assert "128.50" in entry["explanation"] and "128" in entry["explanation"]
    assert me.get("/api/v1/me/ledger-entries/ent_points_1").json() == entry


def test_entries_come_in_pages_newest_first(me):
    for number in range(5):
        spend(me.member, f"T{number}", 100 * (number + 1))

    seen, cursor = [], None
    while True:
        page = me.get("/api/v1/me/ledger-entries", {"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [entry["points"] for entry in page["data"]]
        if not (cursor := page["nextCursor"]):
            break

    assert seen == [5, 4, 3, 2, 1]


def test_a_page_of_entries_takes_as_many_statements_for_one_as_for_forty(me, django_assert_max_num_queries):
    for number in range(40):
        spend(me.member, f"T{number}", 100)

    with django_assert_max_num_queries(10):
        assert len(me.get("/api/v1/me/ledger-entries", {"limit": 100}).json()["data"]) == 40


def test_the_balance_says_what_lapses_when_and_what_it_is_worth(me):
    reward = PointCurrencyFactory()
    PointCurrency.objects.filter(pk=reward.pk).update(worth_minor="1.5")
    posting = ledger.Posting(
        member_id=me.member.pk,
        currency_id=reward.pk,
        key=uuid.uuid4(),
        kind=Kind.EARN,
        points=333,
        occurred_on=datetime.date(2026, 3, 2),
        expires_on=datetime.date(2027, 3, 31),
        cause="test",
    )
    ledger.post([posting], actor=TELLER)

    purse = me.get("/api/v1/me/balance").json()["purses"][0]

    assert (purse["available"], purse["pending"], purse["owed"]) == (333, 0, 0)
    assert purse["worth"] == {"amount": "4.99", "currency": "CNY"}
    assert purse["expiring"] == [{"on": "2027-03-31", "points": 333, "ifInactive": False}]


def test_before_the_first_close_there_is_no_tier_to_tell(me):
    assert me.get("/api/v1/me/tier").json() == {"asOf": None, "programmes": []}


@pytest.mark.parametrize(
    "path", ["ent_points_1", "ent_points_99999999999999999999", "ent_nothing_1", "ent_points_0", "1"]
)
def test_what_is_not_mine_does_not_exist(me, path):
    other = MemberFactory()
    spend(other, "T1", 500)

    assert me.get(f"/api/v1/me/ledger-entries/{path}").status_code == 404


@pytest.mark.parametrize("path", ["", "/tier", "/balance", "/ledger-entries", "/ledger-entries/ent_points_1"])
def test_strangers_systems_and_staff_without_membership_read_nothing(bank, reader, path):
    staff = Client()
    staff.force_login(UserFactory(is_staff=True))

    for client, status in ((Client(), 401), (reader, 403), (staff, 403)):
        assert client.get(f"/api/v1/me{path}").status_code == status


@pytest.mark.parametrize("currency", ["\x00", "nothing", "积分", "a" * 500])
def test_an_unknown_currency_is_not_found(me, currency):
    assert me.get("/api/v1/me/ledger-entries", {"currency": currency}).status_code == 404


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant", "en"])
def test_problems_speak_the_language_asked_for(me, language):
    answer = me.get("/api/v1/me/ledger-entries/ent_points_9", headers={"accept-language": language})

    assert (answer.json()["code"], answer["Content-Language"]) == ("not_found", language)


def test_statements_come_by_month_in_full_and_as_files(me):
    spend(me.member, "T1", 128_50)
    spend(me.member, "T2", 20_00)

    listed = me.get("/api/v1/me/statements").json()
    statement = me.get("/api/v1/me/statements/2026-03").json()

    assert listed["currency"] == "points"
    assert listed["data"][-1] == {"month": "2026-03", "opening": 0, "closing": 148, "entries": 2}
    assert (statement["opening"], statement["closing"], statement["owed"]) == (0, 148, 0)
    assert statement["moved"] == [{"kind": "earn", "points": 148}]
    assert [(line["id"], line["points"], line["balance"]) for line in statement["lines"]] == [
        ("ent_points_1", 128, 128),
        ("ent_points_2", 20, 148),
    ]
    assert "128.50" in statement["lines"][0]["explanation"]
    files = {form: me.get(f"/api/v1/me/statements/2026-03/{form}") for form in ("pdf", "csv", "xlsx")}
    assert {form: answer.status_code for form, answer in files.items()} == {"pdf": 200, "csv": 200, "xlsx": 200}
    assert files["pdf"].content.startswith(b"%PDF")
    assert b"".join(files["csv"].streaming_content).startswith(b"\xef\xbb\xbf")
    assert all(answer["Cache-Control"] == "no-store" for answer in files.values())


@pytest.mark.parametrize("month", ["2026-02", "2026-13", "x", "9999-12"])
def test_a_month_without_a_statement_is_a_problem_with_its_code(me, month):
    spend(me.member, "T1", 128_50)

    for path in (f"/api/v1/me/statements/{month}", f"/api/v1/me/statements/{month}/pdf"):
        answer = me.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "no_statement")


def test_a_form_or_currency_that_is_none_is_not_found(me):
    spend(me.member, "T1", 128_50)

    assert me.get("/api/v1/me/statements/2026-03/docx").json()["code"] == "not_found"
    assert me.get("/api/v1/me/statements?currency=none").json()["code"] == "not_found"


def test_nobody_reads_statements_without_signing_in_or_of_another(me):
    spend(me.member, "T1", 128_50)
    stranger = MemberFactory(user=UserFactory())
    other = Client()
    other.force_login(stranger.user)

    assert other.get("/api/v1/me/statements").json()["data"] == []
    assert other.get("/api/v1/me/statements/2026-03/pdf").status_code == 404
    assert Client().get("/api/v1/me/statements/2026-03/pdf").status_code in (401, 403)
