"""A purse as of a past business date: its balance and its lots, whatever has been booked since."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from points import lapsing, looking_back
from points.models import Kind
from tests.points.cast import (
    APRIL_END,
    CLERK,
    MARCH_END,
    MONDAY,
    TUESDAY,
    asked,
    finish_closing,
    open_bank,
    post,
    start_closing,
)

pytestmark = pytest.mark.django_db
SUNDAY = MONDAY - datetime.timedelta(days=1)


def left(member, currency, day):
    lots = looking_back.lots(member_id=member.pk, currency_id=currency.pk, day=day)
    return {lot.number: lot.left for lot in lots}


def balance(member, currency, day):
    return looking_back.balance(member_id=member.pk, currency_id=currency.pk, day=day)


def test_a_balance_is_what_was_booked_by_the_end_of_the_date():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=MARCH_END), asked(wang, points, -30))
    start_closing()
    post(asked(wang, points, 5, occurred_on=TUESDAY, expires_on=MARCH_END))

    assert [balance(wang, points, day) for day in (SUNDAY, MONDAY, TUESDAY)] == [0, 70, 75]
    assert looking_back.balances(member_id=wang.pk, day=MONDAY) == {points.pk: 70}


def test_what_a_night_books_after_the_morning_s_entries_belongs_to_its_own_date():
    wang, points = open_bank()
    start_closing()
    [morning] = post(asked(wang, points, 7, occurred_on=TUESDAY, expires_on=MARCH_END))
    [night] = post(asked(wang, points, 100, expires_on=MARCH_END), business_date=MONDAY)

    assert (morning.number, night.number, night.balance_after) == (1, 2, 107)
    assert [balance(wang, points, day) for day in (MONDAY, TUESDAY)] == [100, 107]
    assert [left(wang, points, day) for day in (MONDAY, TUESDAY)] == [{2: 100}, {1: 7, 2: 100}]


def test_lots_are_told_as_they_were_before_later_debits_and_expiry():
    wang, points = open_bank()
    post(asked(wang, points, 40, expires_on=TUESDAY), asked(wang, points, 60, expires_on=APRIL_END))
    post(asked(wang, points, -10))
    start_closing()
    finish_closing()
    post(asked(wang, points, -5, occurred_on=TUESDAY))
    start_closing(TUESDAY)
    lapsing.lapse(as_of=TUESDAY, first_member=0, last_member=10**9, actor=CLERK)

    assert left(wang, points, SUNDAY) == {}
    assert left(wang, points, MONDAY) == {1: 30, 2: 60}
    assert left(wang, points, TUESDAY) == {2: 60}
    [lot] = looking_back.lots(member_id=wang.pk, currency_id=points.pk, day=TUESDAY)
    assert (lot.points, lot.used, lot.expired, lot.booked_on, lot.expires_on) == (60, 0, 0, MONDAY, APRIL_END)


def test_what_was_owed_is_what_the_lots_have_less_than_the_balance():
    wang, points = open_bank()
    post(asked(wang, points, 20, expires_on=MARCH_END), asked(wang, points, -50, kind=Kind.CLAWBACK))
    start_closing()
    post(asked(wang, points, 45, occurred_on=TUESDAY, expires_on=MARCH_END))

    assert (balance(wang, points, MONDAY), left(wang, points, MONDAY)) == (-30, {})
    assert (balance(wang, points, TUESDAY), left(wang, points, TUESDAY)) == (15, {3: 15})


def test_another_purse_is_never_counted():
    wang, points = open_bank()
    post(asked(wang, points, 20, expires_on=MARCH_END))

    assert looking_back.balance(member_id=wang.pk + 1, currency_id=points.pk, day=MONDAY) == 0
    assert looking_back.lots(member_id=wang.pk, currency_id=points.pk + 1, day=MONDAY) == []


def test_ten_thousand_entries_are_one_query_that_the_purse_s_own_key_serves():
    wang, points = open_bank()
    post(*(asked(wang, points, 1, expires_on=MARCH_END) for _number in range(10_000)))
    purse = {"member_id": wang.pk, "currency_id": points.pk, "day": MONDAY}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE points_entry")

    with CaptureQueriesContext(connection) as captured:
        assert looking_back.balance(**purse) == 10_000
        assert sum(lot.left for lot in looking_back.lots(**purse)) == 10_000

    assert len(captured) == 2
    for query in captured:
        assert "Seq Scan" not in plan_of(query["sql"])


def plan_of(sql: str) -> str:
    """Return the plan of a statement where there are many other purses, which a test doesn't make: sequential scans are dear."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("SET LOCAL enable_seqscan = on")
    return plan
