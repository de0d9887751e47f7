"""Statements, month by month, beside a recount that knows nothing of them."""

import datetime
import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from foundation.jobs.models import BusinessDate
from foundation.periods import month_end
from points import lapsing, stating
from points.models import Entry, Kind, PointCurrency
from tests.points.cast import CLERK, MONDAY, asked, finish_closing, open_bank, post, start_closing

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
MARCH, APRIL, MAY = (datetime.date(2026, month, 1) for month in (3, 4, 5))


def live(member, currency, *, nights: int, seed: int) -> datetime.date:
    """Let a member earn, spend, refund and be late for some nights; return the business date that is open then."""
    chance, today = random.Random(seed), MONDAY
    for _night in range(nights):
        for _time in range(chance.randrange(3)):
            late = datetime.timedelta(days=chance.choice([0, 0, 1, 5]))
            last_day = month_end(today + datetime.timedelta(days=chance.choice([0, 40])))
            post(asked(member, currency, chance.randint(1, 99), occurred_on=today - late, expires_on=last_day))
        kind = chance.choice([Kind.REDEEM, Kind.CLAWBACK])
        post(asked(member, currency, -chance.randint(1, 60), kind=kind, occurred_on=today))
        start_closing(today)
        post(asked(member, currency, 3, occurred_on=today + DAY, expires_on=month_end(today + 40 * DAY)))
        post(asked(member, currency, 7, occurred_on=today, expires_on=month_end(today + 40 * DAY)), business_date=today)
        lapsing.lapse(as_of=today, first_member=0, last_member=10**9, actor=CLERK)
        finish_closing(today)
        today += DAY
    return today


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_statements_agree_with_a_recount_of_every_entry(seed: int) -> None:
    wang, points = open_bank()
    today = live(wang, points, nights=70, seed=seed)
    rows = list(Entry.objects.order_by("number").values_list("number", "booked_on", "points", "kind", "cause"))

    purse = {"member_id": wang.pk, "today": today}
    told = stating.months(currency_id=points.pk, **purse)
    statements = [
        stating.statement(currency=points, month=month.first_day, closed=today - DAY, **purse) for month in told
    ]

    assert [month.first_day for month in told] == [MAY, APRIL, MARCH]
    assert sum(month.entries for month in told) == len(rows)
    for month, statement in zip(told, statements, strict=True):
        last_day = month_end(month.first_day)
        mine = sorted((row[1], row[0], row[2]) for row in rows if month.first_day <= row[1] <= last_day)
        before = sum(row[2] for row in rows if row[1] < month.first_day)
        assert (month.opening, month.closing) == (statement.opening, statement.closing)
        assert statement.opening == before
        assert [(line.entry.booked_on, line.entry.number, line.entry.points) for line in statement.lines] == mine
        assert [line.balance for line in statement.lines] == [
            before + sum(row[2] for row in mine[: place + 1]) for place in range(len(mine))
        ]
        assert statement.opening + sum(statement.sums.values()) == statement.closing
        assert statement.owed >= 0
        assert (statement.is_final, statement.last_day) == (last_day < today, min(last_day, today))
        if statement.is_final:
            assert sum(statement.expiring.values()) - statement.owed == statement.closing


def test_what_comes_late_changes_no_statement_that_was_given() -> None:
    wang, points = open_bank()
    today = live(wang, points, nights=35, seed=4)
    asked_for = {"member_id": wang.pk, "currency": points, "month": MARCH, "today": today, "closed": today - DAY}
    given = stating.statement(**asked_for)

    post(asked(wang, points, 500, occurred_on=MONDAY, expires_on=month_end(MAY)))

    again = stating.statement(**asked_for)
    assert (again.closing, again.expiring, again.owed) == (given.closing, given.expiring, given.owed)
    assert [line.entry.number for line in again.lines] == [line.entry.number for line in given.lines]


@pytest.mark.parametrize("month", [datetime.date(2026, 2, 1), APRIL, datetime.date(9999, 12, 1)])
def test_a_month_before_the_first_entry_or_after_today_s_is_refused(month: datetime.date) -> None:
    wang, points = open_bank()
    post(asked(wang, points, 10))

    with pytest.raises(stating.NoStatement) as refused:
        stating.statement(member_id=wang.pk, currency=points, month=month, today=MONDAY, closed=None)

    assert (refused.value.code, refused.value.status) == ("no_statement", 404)


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-1", "2026-11-01", "２０２６-11", "2026-W1", "0000-01"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(stating.NoStatement):
        stating.month_of(text)


def test_growth_points_have_a_statement_without_lots() -> None:
    wang, _points = open_bank()
    growth = PointCurrency.objects.create(code="growth", kind="growth", names={"en": "Growth"})
    post(asked(wang, growth, 30))

    statement = stating.statement(member_id=wang.pk, currency=growth, month=MARCH, today=MONDAY, closed=None)

    assert (statement.opening, statement.closing, statement.owed, statement.expiring) == (0, 30, 0, {})


def test_a_statement_takes_three_queries_and_the_months_one() -> None:
    wang, points = open_bank()
    post(*(asked(wang, points, 1, expires_on=month_end(MAY)) for _number in range(300)))
    assert BusinessDate.objects.get().date == MONDAY

    with CaptureQueriesContext(connection) as captured:
        statement = stating.statement(member_id=wang.pk, currency=points, month=MARCH, today=MONDAY, closed=None)
    with CaptureQueriesContext(connection) as listed:
        stating.months(member_id=wang.pk, currency_id=points.pk, today=MONDAY)

    assert len(statement.lines) == 300
    assert (len(captured), len(listed)) == (3, 1)
