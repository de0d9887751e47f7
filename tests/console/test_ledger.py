"""The ledger explorer: from a member or a date to every entry's lots, cause and rule, and only within one's branches."""

import csv
import datetime
import io
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from activity.models import Activity, Source
from foundation.access.models import Role
from foundation.jobs.models import BusinessDate
from members.models import Member
from membership_site import exploring
from points import ledger, partitions, sealing
from points.models import Entry, Kind, PointCurrency
from tests.console.conftest import House, posted
from tests.console.test_pages import queries_of
from tests.factories import FIRST_BUSINESS_DATE, EarningRuleVersionFactory, MemberFactory
from tests.points.cast import seal, start_closing
from tests.spreadsheets import sheets

MONDAY = FIRST_BUSINESS_DATE
TUESDAY = MONDAY + datetime.timedelta(days=1)
YEAR_END = datetime.date(2026, 12, 31)
EXPLORER = "/console/ledger/"


def post(member: Member, *points: int, **details: object) -> list[ledger.Answer]:
    """Post movements of reward points to a member on Monday: earnings, and redemptions for what is below zero."""
    partitions.ensure(first=YEAR_END, last=YEAR_END)
    currency = PointCurrency.objects.get(code="points")
    return ledger.post(
        [
            ledger.Posting(
                member_id=member.pk,
                currency_id=currency.pk,
                key=uuid.uuid4(),
                points=one,
                **{
                    "kind": Kind.EARN if one > 0 else Kind.REDEEM,
                    "occurred_on": MONDAY,
                    "expires_on": YEAR_END if one > 0 else None,
                    "cause": "test",
                }
                | details,
            )
            for one in points
        ],
        actor=None,
    )


def address(member: Member, number: int | None = None) -> str:
    currency = PointCurrency.objects.get(code="points")
    return f"{EXPLORER}{member.pk}/{currency.pk}/{f'{number}/' if number else ''}"


def numbers(page) -> list[int]:
    return [row.number for row in page.context["rows"]]


def test_a_member_s_entries_page_back_to_the_first_without_a_count(house: House, teller: Client) -> None:
    post(house.near, *[1] * 120)

    seen, after = [], ""
    while after is not None:
        with CaptureQueriesContext(connection) as captured:
            page = teller.get(EXPLORER, {"member": "A-NEAR-1", "after": after})
        assert not [query for query in captured if "COUNT(" in query["sql"]]
        seen.append(numbers(page))
        after = page.context["next_page"]

    assert [len(page) for page in seen] == [50, 50, 20]
    assert [number for page in seen for number in page] == list(range(120, 0, -1))


def test_a_date_s_entries_page_over_members_in_order(house: House, compliance: Client) -> None:
    others = [MemberFactory(branch=house.harbour) for _number in range(3)]
    for member in (house.near, house.far, *others):
        post(member, *[1] * 30)

    seen, after = [], ""
    while after is not None:
        page = compliance.get(EXPLORER, {"first": MONDAY, "last": MONDAY, "after": after})
        seen += [(row.member_id, row.number) for row in page.context["rows"]]
        after = page.context["next_page"]

    assert seen == sorted(seen)
    assert len(set(seen)) == 150


def test_filters_narrow_by_kind_rule_source_and_dates(house: House, teller: Client) -> None:
    version, source = EarningRuleVersionFactory(), Source.objects.create(code="core")
    figures = {"per": "amount", "amount_minor": 9_000, "rate": "0.1"}
    post(house.near, 9, rule_version_id=version.pk, figures=figures, cause="activity/core/a-1")
    post(house.near, 5, -3)
    post(house.near, 4, occurred_on=TUESDAY)
    found = {
        name: numbers(teller.get(EXPLORER, {"member": "A-NEAR-1", **filters}))
        for name, filters in {
            "kind": {"kind": Kind.REDEEM.value},
            "rule": {"rule": version.rule_id},
            "source": {"source": source.pk},
            "date": {"first": TUESDAY},
            "none": {"kind": Kind.BONUS.value},
        }.items()
    }
    by_date = numbers(teller.get(EXPLORER, {"first": MONDAY, "kind": Kind.EARN.value, "rule": version.rule_id}))

    assert found == {"kind": [3], "rule": [1], "source": [1], "date": [4], "none": []}
    assert by_date == [1]


def test_without_a_member_or_date_the_last_closed_date_is_shown(house: House, teller: Client) -> None:
    post(house.near, 9)
    start_closing(MONDAY)
    BusinessDate.objects.filter(date=MONDAY).update(status="closed")
    post(house.near, 5, occurred_on=TUESDAY)

    assert numbers(teller.get(EXPLORER)) == [1]


def test_an_entry_leads_to_what_used_it_and_a_debit_to_what_it_took(house: House, teller: Client) -> None:
    post(house.near, 40, 60)
    post(house.near, -50)

    credit = teller.get(address(house.near, 1)).context
    debit = teller.get(address(house.near, 3))

    assert (credit["lot"].points, credit["lot"].remaining) == (40, 0)
    assert [(row.debit_number, row.points) for row in credit["users"]] == [(3, 40)]
    assert [(row.lot_number, row.points) for row in debit.context["taken"]] == [(1, 40), (2, 10)]
    text = debit.content.decode()
    assert f'href="{address(house.near, 1)}"' in text
    assert f'href="{address(house.near, 2)}"' in text
    assert (debit.context["previous"], debit.context["following"]) == (address(house.near, 2), "")


def test_an_entry_tells_its_activity_its_rule_and_its_seal(house: House, teller: Client) -> None:
    version, source = EarningRuleVersionFactory(), Source.objects.create(code="core")
    Activity.objects.create(
        member_id=house.near.pk, source_id=source.pk, external_id="a/1", kind="card_spend", currency="CNY", direction="debit",
        amount_minor=9_000, occurred_at=datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC), occurred_on=MONDAY,
        booked_on=MONDAY, merchant_category="supermarket",
    )  # fmt: skip
    figures = {"per": "amount", "amount_minor": 9_000, "rate": "0.1"}
    post(house.near, 9, rule_version_id=version.pk, figures=figures, cause="activity/core/a/1")
    start_closing(MONDAY)
    seal(MONDAY)

    text = teller.get(address(house.near, 1)).content.decode()

    assert "Activity a/1 reported by core" in text
    assert "card payment" in text
    assert "supermarkets" in text
    assert "¥90.00 × 0.1 = 9" in text
    assert f"/console/campaigns/earningrule/{version.rule_id}/" in text
    assert "not sealed yet" not in text
    assert sealing.LAST_MEMBER


def test_a_purse_is_shown_as_at_a_date(house: House, teller: Client) -> None:
    post(house.near, 40)
    start_closing(MONDAY)
    post(house.near, 5, -20, occurred_on=TUESDAY)

    past = teller.get(address(house.near), {"day": MONDAY}).context
    now = teller.get(address(house.near), {"day": TUESDAY}).context

    assert (past["balance"], [lot.left for lot, _url in past["lots"]]) == (40, [40])
    assert (now["balance"], [lot.left for lot, _url in now["lots"]]) == (25, [20, 5])


@pytest.mark.parametrize("path", ["", "1/", "statement/"])
def test_another_branch_s_purse_does_not_exist(house: House, teller: Client, compliance: Client, path: str) -> None:
    post(house.far, 77)

    assert compliance.get(f"{address(house.far)}{path}").status_code == 200
    assert teller.get(f"{address(house.far)}{path}").status_code == 404


def test_another_branch_s_entries_stand_in_no_list_and_no_file(
    house: House, teller: Client, compliance: Client
) -> None:
    post(house.far, 77)
    post(house.near, 5)
    date = {"first": MONDAY, "last": MONDAY}

    assert len(numbers(compliance.get(EXPLORER, date))) == 2
    assert [row.member_id for row in teller.get(EXPLORER, date).context["rows"]] == [house.near.pk]
    by_member = teller.get(EXPLORER, {"member": "A-FAR-2"})
    assert (by_member.status_code, by_member.context["rows"]) == (404, [])
    file = b"".join(teller.get(EXPLORER, {**date, "form": "csv"}).streaming_content).decode()
    assert "A-NEAR-1" in file
    assert "A-FAR-2" not in file


@pytest.mark.parametrize("role", [Role.PROGRAMME_MANAGER, Role.IT])
def test_who_may_see_no_member_may_not_explore(house: House, client: Client, role: Role) -> None:
    post(house.near, 5)
    client.force_login(posted(role, house.head_office))

    addresses = (EXPLORER, address(house.near), address(house.near, 1), f"{address(house.near)}statement/")
    assert {client.get(path).status_code for path in addresses} == {403}


def test_a_list_goes_out_as_csv_and_xlsx_and_runs_nothing(
    house: House, teller: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exploring, "CHUNK", 2)
    post(house.near, 1, 2, 3, 4, 5, cause="=cmd()")
    wanted = {"member": "A-NEAR-1"}

    text = b"".join(teller.get(EXPLORER, {**wanted, "form": "csv"}).streaming_content)
    book = b"".join(teller.get(EXPLORER, {**wanted, "form": "xlsx"}).streaming_content)

    rows = list(csv.reader(io.StringIO(text.decode("utf-8-sig"), newline="")))
    assert [row[2] for row in rows[1:]] == ["5", "4", "3", "2", "1"]
    assert {row[-1] for row in rows[1:]} == {"'=cmd()"}
    [sheet] = sheets(book)
    assert len(sheet) == 6
    assert not any(cell.startswith("=") for row in sheet for cell in row)


def test_a_file_ends_at_its_cap(house: House, teller: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploring, "MOST_ROWS", 3)
    post(house.near, *[1] * 7)

    text = b"".join(teller.get(EXPLORER, {"member": "A-NEAR-1", "form": "csv"}).streaming_content)

    assert text.count(b"\r\n") == 4


def test_junk_is_answered_with_a_sentence_or_not_found(house: House, teller: Client) -> None:
    post(house.near, 5)
    asked = [
        {"first": "x"}, {"first": "2026-01-01", "last": "2026-03-01"}, {"member": "A-NEAR-1", "kind": "99"}, {"after": "x"},
        {"first": MONDAY, "after": "WzFd"}, {"currency": "0"}, {"member": "A-NEAR-1", "after": "WyJ4IiwxLDFd"},
    ]  # fmt: skip

    answers = [teller.get(EXPLORER, one) for one in asked]
    files = [teller.get(EXPLORER, {**one, "form": "csv"}) for one in asked[:2]]

    assert {answer.status_code for answer in answers + files} == {400}
    assert "31 dates or fewer" in answers[1].content.decode()
    assert all('role="alert"' in answer.content.decode() for answer in answers)
    for path in (
        address(house.near, 99),
        address(house.near, 10**30),
        f"{EXPLORER}{10**30}/1/1/",
        f"{EXPLORER}1/9999/",
    ):
        assert teller.get(path).status_code == 404
    assert teller.get(address(house.near), {"day": "x"}).status_code == 400
    assert teller.get(f"{address(house.near)}statement/", {"month": "2026-13"}).status_code == 404


def test_the_pages_take_few_statements_however_long_the_purse(house: House, teller: Client) -> None:
    paths = {
        "member": f"{EXPLORER}?member=A-NEAR-1",
        "date": f"{EXPLORER}?first={MONDAY}",
        "entry": address(house.near, 1),
        "purse": address(house.near),
        "statement": f"{address(house.near)}statement/?month=2026-03",
    }
    post(house.near, 3, 4)
    few = {name: queries_of(teller, path) for name, path in paths.items()}
    post(house.near, *[1] * 3_000)
    post(house.near, *[-2] * 100)

    assert {name: queries_of(teller, path) for name, path in paths.items()} == few
    assert Entry.objects.filter(member_id=house.near.pk).count() == 3_102
    assert max(few["member"], few["date"], few["purse"]) <= 12
    assert max(few["entry"], few["statement"]) <= 20


@pytest.mark.parametrize("language", ["en", "zh-CN", "zh-HK"])
def test_the_pages_render_in_each_language(house: House, teller: Client, language: str) -> None:
    post(house.near, 1_234)
    start_closing(MONDAY)

    for path in (EXPLORER, address(house.near), address(house.near, 1), f"{address(house.near)}statement/"):
        assert teller.get(path, headers={"accept-language": language}).status_code == 200
    for form in ("pdf", "csv", "xlsx"):
        assert teller.get(f"{address(house.near)}statement/", {"form": form}).status_code == 200
