"""The books in the console: who reads them, of which branches, what they say, and what they cost."""

import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from books import journalling
from foundation.access.models import Role
from foundation.jobs.models import JobRun
from points.models import PointCurrency
from tests.books.cast import begin_month, close_books, keep_months
from tests.console.conftest import House, posted
from tests.factories import MemberFactory
from tests.points.cast import APRIL_END, MONDAY, TUESDAY, asked, post

READERS = {Role.FINANCE, Role.COMPLIANCE, Role.PROGRAMME_MANAGER}
PAGES = [
    f"/console/books/{page}" for page in ("liability/", "days/", "days/2026-03-02/", "breakage/", "reconciliation/")
]
FILE = "/console/books/days/2026-03-02/gl.csv"


@pytest.fixture
def booked(house: House) -> House:
    """The near member earned 100 points worth ¥0.10 each until April and spent 30; the far one earned 40 for ever; Monday is closed."""
    points = PointCurrency.objects.get()
    points.worth_minor = Decimal(10)
    points.save()
    post(
        asked(house.near, points, 100, expires_on=APRIL_END),
        asked(house.near, points, -30),
        asked(house.far, points, 40),
    )
    close_books(MONDAY)
    return house


@pytest.fixture
def finance(house: House) -> Client:
    """The accountant of head office."""
    client = Client()
    client.force_login(posted(Role.FINANCE, house.head_office))
    return client


@pytest.mark.parametrize("role", sorted(Role.values))
def test_the_books_are_open_to_those_who_keep_them_and_to_nobody_else(booked: House, client: Client, role: str) -> None:
    client.force_login(posted(role, booked.head_office))

    answers = {client.get(page).status_code for page in [*PAGES, FILE]}

    assert answers == {200 if role in READERS else 403}
    doors = [item["url"] for _group, items in client.get("/console/").context["menu"] for item in items]
    assert ("/console/books/liability/" in doors) == (role in READERS)


def test_nobody_reads_them_without_signing_in_and_nothing_is_sent_to_them(booked: House, finance: Client) -> None:
    assert {Client().get(page).status_code for page in [*PAGES, FILE]} == {302}


def test_who_keeps_the_books_of_a_branch_reads_the_liability_of_his_members_only(booked: House, client: Client) -> None:
    client.force_login(posted(Role.FINANCE, booked.pudong))

    [one] = client.get("/console/books/liability/").context["currencies"]

    assert [(part.of, part.points) for part in one["liability"].branches] == [(booked.lujiazui, 70)]
    assert one["liability"].amount_minor == 700
    assert {client.get(page).status_code for page in [*PAGES[1:], FILE]} == {403}
    assert "101" in client.get("/console/books/liability/?format=csv").getvalue().decode()
    assert "200" not in client.get("/console/books/liability/?format=csv").getvalue().decode()


def test_the_liability_stands_as_of_its_date_by_branch_campaign_and_month(booked: House, finance: Client) -> None:
    points = PointCurrency.objects.get()
    post(asked(booked.near, points, 500, occurred_on=TUESDAY))
    close_books(TUESDAY)

    page = finance.get("/console/books/liability/?as_of=2026-03-02").content.decode()
    latest = finance.get("/console/books/liability/").content.decode()
    file = finance.get("/console/books/liability/?as_of=2026-03-02&format=csv")

    assert "¥11.00" in page and "at the end of 2 Mar 2026" in page
    assert "April 2026" in page and "never" in page and "no earning rule" in page
    assert "¥61.00" in latest and "at the end of 3 Mar 2026" in latest
    assert file["Content-Disposition"] == 'attachment; filename="liability-2026-03-02.csv"'
    text = file.getvalue().decode("utf-8-sig")
    assert text.startswith("as_of,point_currency,by,of,points,amount\r\n")
    assert "2026-03-02,points,month,April 2026,70,7.00\r\n" in text


def test_a_date_shows_its_totals_its_journal_and_gives_its_file(booked: House, finance: Client) -> None:
    page = finance.get("/console/books/days/2026-03-02/").content.decode()
    file = finance.get(FILE)

    assert all(text in page for text in ("points-expense", "¥14.00", "redemption-clearing", "¥3.00", "110"))
    assert file.getvalue() == journalling.file(MONDAY)
    assert file["Content-Disposition"] == 'attachment; filename="gl-2026-03-02.csv"'
    assert finance.get("/console/books/days/2026-03-03/").status_code == 404
    assert finance.get("/console/books/days/2026-13-03/").status_code == 404
    assert finance.get("/console/books/days/2026-03-03/gl.csv").status_code == 404


def test_breakage_says_that_there_is_too_little_history_and_what_a_point_cost(booked: House, finance: Client) -> None:
    page = finance.get("/console/books/breakage/").content.decode()

    assert "Too little history for an estimate" in page
    assert "Points with 0 months left are outstanding, and the books have seen 0 whole months" in page
    # ¥3.00 of ¥14.00: 30 of 140 points at ¥0.10
    assert "¥2.14" in page


def test_breakage_stands_beside_the_liability_with_its_band(house: House, finance: Client) -> None:
    currency = PointCurrency.objects.get()
    keep_months(currency.pk, 4, branch=house.lujiazui)
    begin_month(currency.pk)

    page = finance.get("/console/books/breakage/").content.decode()

    # Of 3,000 points that expire 1,000 × 0.8 × (1 + 0.9 + 0.81) are expected to, at ¥0.01 each.
    assert all(text in page for text in ("2,168", "1,927 to 2,409 with 95 % confidence", "¥9.02", "¥6.61 to ¥11.43"))
    assert "Too little history" not in page


def test_reconciliation_names_what_is_broken_and_since_when(booked: House, finance: Client) -> None:
    at = datetime.datetime(2026, 3, 2, 17, tzinfo=datetime.UTC)
    broken = {"violations": 1, "checked": 2, "examples": ["17/1"], "since": {"17/1": "2026-02-27"}}
    counts = {"numbers_dense": {"violations": 0, "checked": 2, "examples": []}, "balance_runs": broken}
    JobRun.objects.create(
        job="prove", business_date=MONDAY, status="failed", started_at=at, finished_at=at, counts=counts
    )

    answer = finance.get("/console/books/reconciliation/")

    assert [result["name"] for result in answer.context["proof_results"]] == ["balance_runs", "numbers_dense"]
    assert "17/1</span> since 2026-02-27" in answer.content.decode()
    assert "This has not run yet" in answer.content.decode()


def test_reconciliation_shows_the_proof_made_last_of_whatever_date(booked: House, finance: Client) -> None:
    at = datetime.datetime(2026, 3, 3, 17, tzinfo=datetime.UTC)
    tuesday, hour = MONDAY + datetime.timedelta(days=1), datetime.timedelta(hours=1)
    run = {"job": "prove", "status": "done", "counts": {}}
    JobRun.objects.create(business_date=tuesday, started_at=at, finished_at=at, **run)
    JobRun.objects.create(business_date=MONDAY, started_at=at + hour, finished_at=at + hour, **run)

    answer = finance.get("/console/books/reconciliation/")

    assert answer.context["proof"].business_date == MONDAY


def test_before_the_first_totals_the_pages_say_what_to_wait_for(house: House, finance: Client) -> None:
    pages = [page for page in PAGES if "2026" not in page]

    assert all("No business date has been totalled yet." in finance.get(page).content.decode() for page in pages)
    assert finance.get("/console/books/liability/?as_of=junk&format=csv").status_code == 200


def test_days_page_back_to_the_first(booked: House, finance: Client) -> None:
    for n in range(1, 40):
        close_books(MONDAY + datetime.timedelta(days=n))

    first = finance.get("/console/books/days/").context
    second = finance.get(f"/console/books/days/?before={first['earlier']}").context

    dates = [day["date"] for page in (first, second) for day in page["days"]]
    assert dates == [MONDAY + datetime.timedelta(days=n) for n in range(39, -1, -1)]
    assert second["earlier"] is None
    assert finance.get("/console/books/days/?before=2026-99-99").status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_a_page_takes_the_same_statements_for_two_members_and_fifty(booked: House, finance: Client, page: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert finance.get(page).status_code == 200
        return len(captured)

    points = PointCurrency.objects.get()
    post(asked(booked.near, points, 7, occurred_on=TUESDAY))
    close_books(TUESDAY)
    few = queries()
    post(*(asked(MemberFactory(branch=booked.lujiazui), points, 5, occurred_on=TUESDAY) for _member in range(50)))
    close_books(TUESDAY + datetime.timedelta(days=1))

    assert queries() == few <= 20
