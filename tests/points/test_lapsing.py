"""Lapsing and releasing, the close's two steps in the ledger, for a chunk of members."""

import datetime

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from points import lapsing, ledger, partitions, releasing
from points.models import Entry, Kind, Lot
from tests.factories import MemberFactory
from tests.points.cast import (
    APRIL_END,
    CLERK,
    MONDAY,
    TUESDAY,
    asked,
    books_ok,
    finish_closing,
    open_bank,
    outcomes,
    post,
    purse_of,
    start_closing,
)

pytestmark = pytest.mark.django_db
EVERYBODY = {"first_member": 0, "last_member": 10**9, "actor": CLERK}


def test_the_lots_of_the_date_expire_one_entry_each():
    wang, points = open_bank()
    post(*(asked(wang, points, 10 + n, expires_on=day) for n, day in enumerate([MONDAY, MONDAY, TUESDAY, None])))
    post(asked(wang, points, -4))
    start_closing()

    counts = lapsing.lapse(as_of=MONDAY, **EVERYBODY)

    assert counts == {"purses": 1, "lots": 2, "points": 17}
    assert purse_of(wang, points) == {"available": 25, "credited": 46, "debited": 4, "expired": 17, "entries": 7}
    expiries = Entry.objects.filter(kind=Kind.EXPIRE).order_by("number")
    assert list(expiries.values_list("number", "points", "balance_after", "cause", "occurred_on", "booked_on")) == [
        (6, -6, 36, "lot/1", MONDAY, MONDAY),
        (7, -11, 25, "lot/2", MONDAY, MONDAY),
    ]
    assert books_ok(as_of=MONDAY)


def test_lapsing_twice_changes_nothing_the_second_time():
    wang, points = open_bank()
    post(asked(wang, points, 10, expires_on=MONDAY))
    start_closing()
    lapsing.lapse(as_of=MONDAY, **EVERYBODY)

    counts = lapsing.lapse(as_of=MONDAY, **EVERYBODY)

    assert counts == {"purses": 0, "lots": 0, "points": 0}
    assert purse_of(wang, points) == {"credited": 10, "expired": 10, "entries": 2}


def test_a_chunk_leaves_the_members_beside_it_alone():
    wang, points = open_bank()
    li = MemberFactory()
    post(*(asked(who, points, 10, expires_on=MONDAY) for who in (wang, li)))
    start_closing()

    counts = lapsing.lapse(as_of=MONDAY, first_member=li.pk, last_member=li.pk, actor=CLERK)

    assert counts == {"purses": 1, "lots": 1, "points": 10}
    assert purse_of(wang, points) == {"available": 10, "credited": 10, "entries": 1}


def test_pending_points_can_lapse_too():
    wang, points = open_bank()
    post(asked(wang, points, 10, expires_on=MONDAY, available_on=APRIL_END), asked(wang, points, 5))
    start_closing()

    counts = lapsing.lapse(as_of=MONDAY, **EVERYBODY)

    assert counts == {"purses": 1, "lots": 1, "points": 10}
    assert purse_of(wang, points) == {"available": 5, "credited": 15, "expired": 10, "entries": 3}
    assert books_ok(as_of=MONDAY)


def test_a_lot_that_a_debit_has_used_up_writes_no_expiry():
    wang, points = open_bank()
    post(asked(wang, points, 10, expires_on=MONDAY), asked(wang, points, -10))
    start_closing()

    counts = lapsing.lapse(as_of=MONDAY, **EVERYBODY)

    assert counts == {"purses": 0, "lots": 0, "points": 0}


@pytest.mark.parametrize("step", [lapsing.lapse, releasing.release])
def test_only_a_date_that_is_closing_lapses_or_releases(step):
    wang, points = open_bank()
    post(asked(wang, points, 10, expires_on=MONDAY))

    with pytest.raises(ledger.BusinessDateNotClosing), transaction.atomic():
        step(as_of=MONDAY, **EVERYBODY)

    start_closing()
    finish_closing()
    with pytest.raises(ledger.BusinessDateNotClosing), transaction.atomic():
        step(as_of=MONDAY, **EVERYBODY)
    assert purse_of(wang, points) == {"available": 10, "credited": 10, "entries": 1}


def test_a_thousand_purses_lapse_in_one_statement():
    wang, points = open_bank()
    crowd = [MemberFactory(branch=wang.branch) for _ in range(50)]
    post(*(asked(who, points, 3, expires_on=MONDAY) for who in crowd for _ in range(20)))
    start_closing()

    with CaptureQueriesContext(connection) as queries:
        counts = lapsing.lapse(as_of=MONDAY, **EVERYBODY)

    assert counts == {"purses": 50, "lots": 1_000, "points": 3_000}
    assert len(queries) == 1
    assert Lot.objects.filter(remaining__gt=0).count() == 0
    assert books_ok(as_of=MONDAY)


def test_releasing_frees_what_is_available_on_the_day_just_opened():
    wang, points = open_bank()
    li = MemberFactory()
    post(
        asked(wang, points, 40, available_on=TUESDAY),
        asked(wang, points, 30, available_on=TUESDAY + datetime.timedelta(days=1)),
        asked(li, points, 5),
    )
    start_closing()

    counts = releasing.release(as_of=MONDAY, **EVERYBODY)

    assert counts == {"purses": 1, "points": 40}
    assert purse_of(wang, points) == {"available": 40, "pending": 30, "credited": 70, "entries": 2}
    assert releasing.release(as_of=MONDAY, **EVERYBODY) == {"purses": 1, "points": 0}
    assert outcomes(post(asked(wang, points, -41), asked(wang, points, -40))) == ["insufficient", "posted"]
    assert books_ok()


def test_released_points_first_pay_what_is_owed():
    wang, points = open_bank()
    post(asked(wang, points, 10, available_on=TUESDAY), asked(wang, points, 25, available_on=TUESDAY))
    post(asked(wang, points, -30, kind=Kind.CLAWBACK))
    start_closing()

    counts = releasing.release(as_of=MONDAY, **EVERYBODY)

    assert counts == {"purses": 1, "points": 35}
    assert purse_of(wang, points) == {"available": 5, "credited": 35, "debited": 30, "entries": 3}
    assert list(Lot.objects.order_by("number").values_list("remaining", flat=True)) == [0, 5]
    assert books_ok()


def test_months_are_made_once_and_only_selected_by_runtime():
    first, last = datetime.date(2040, 11, 30), datetime.date(2041, 2, 1)

    assert partitions.ensure(first=first, last=last) == 4
    assert partitions.ensure(first=first, last=last) == 0

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), c.reloptions,"
            " has_table_privilege('runtime', c.oid, 'SELECT'), has_table_privilege('runtime', c.oid, 'INSERT, UPDATE, DELETE')"
            " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'points_lot'::regclass AND c.relname BETWEEN 'points_lot_204012' AND 'points_lot_204101'"
            " ORDER BY c.relname"
        )
        assert cursor.fetchall() == [
            ("points_lot_204012", "FOR VALUES FROM ('2040-12-01') TO ('2041-01-01')", ["fillfactor=85"], True, False),
            ("points_lot_204101", "FOR VALUES FROM ('2041-01-01') TO ('2041-02-01')", ["fillfactor=85"], True, False),
        ]
