"""Points of two records that become one: not one is lost, each keeps its dates, and what goes back is what is left."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from points import looking_back
from points.models import Entry, Kind, Lot, Purse
from tests.factories import MemberFactory
from tests.merging.cast import balance_of, growth_of, lots_of, merge, totals, two, undo
from tests.points.cast import (
    APRIL_END,
    MARCH_END,
    MONDAY,
    TUESDAY,
    asked,
    books_ok,
    finish_closing,
    post,
    start_closing,
)

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
LONG_AGO = MONDAY - 100 * DAY


def test_lots_move_with_the_day_they_were_earned_and_their_last_day():
    wang = two()
    post(
        asked(wang.gone, wang.points, 100, occurred_on=LONG_AGO, expires_on=MARCH_END),
        asked(wang.gone, wang.points, 50, expires_on=APRIL_END),
        asked(wang.gone, wang.points, 30, available_on=MONDAY + 5 * DAY, expires_on=APRIL_END),
        asked(wang.gone, wang.points, -20),
        asked(wang.kept, wang.points, 7),
    )
    lots, sums = lots_of(wang.kept, wang.gone), totals()

    told = merge(wang.kept, wang.gone)

    assert lots_of(wang.kept, wang.gone) == lots_of(wang.kept) == lots
    assert totals() == sums
    assert balance_of(wang.kept, wang.points) == {"available": 137, "pending": 30}
    assert balance_of(wang.gone, wang.points) == {}
    assert told["points"] == {str(wang.points.pk): {"entries": 3, "points": 160, "pending": 30, "owed": 0}}
    assert set(Entry.objects.filter(cause__startswith="merge/").values_list("kind", flat=True)) == {Kind.TRANSFER}
    assert books_ok()


def test_growth_points_move_by_the_day_they_count_on():
    wang = two()
    post(
        asked(wang.gone, wang.growth, 100, occurred_on=LONG_AGO),
        asked(wang.gone, wang.growth, 40, occurred_on=LONG_AGO),
        asked(wang.gone, wang.growth, 9),
        asked(wang.kept, wang.growth, 5, occurred_on=LONG_AGO),
    )
    days = growth_of(wang.kept, wang.gone, currency=wang.growth)

    merge(wang.kept, wang.gone)

    assert growth_of(wang.kept, currency=wang.growth) == days == {LONG_AGO: 145, MONDAY: 9}
    assert growth_of(wang.gone, currency=wang.growth) == {}
    assert books_ok()


def test_what_one_record_owed_is_paid_by_the_other():
    """The debt of the one that goes takes what is there; what is missing is owed on."""
    wang = two()
    post(asked(wang.gone, wang.points, 10), asked(wang.gone, wang.points, -60, kind=Kind.CLAWBACK))
    post(asked(wang.gone, wang.points, 8, available_on=MONDAY + 5 * DAY), asked(wang.kept, wang.points, 20))
    sums = totals()

    merge(wang.kept, wang.gone)

    assert balance_of(wang.kept, wang.points) == {"owed": 30, "pending": 8}
    assert balance_of(wang.gone, wang.points) == {}
    assert totals() == sums
    assert books_ok()


def test_what_the_record_that_stays_owed_is_paid_by_what_comes():
    wang = two()
    post(asked(wang.kept, wang.points, 1), asked(wang.kept, wang.points, -51, kind=Kind.CLAWBACK))
    post(
        asked(wang.gone, wang.points, 30, expires_on=APRIL_END),
        asked(wang.gone, wang.points, 30, expires_on=MARCH_END),
    )

    merge(wang.kept, wang.gone)

    assert balance_of(wang.kept, wang.points) == {"available": 10}
    assert lots_of(wang.kept) == {(MONDAY, MONDAY, APRIL_END): 10}
    assert books_ok()


def test_a_past_day_answers_as_it_did():
    """As-of: what was booked on MONDAY stands on both; only from TUESDAY on the one has all."""
    wang = two()
    post(asked(wang.gone, wang.points, 100), asked(wang.kept, wang.points, 7))
    start_closing()
    finish_closing()

    merge(wang.kept, wang.gone)

    then = {
        one.number: looking_back.balances(member_id=one.pk, day=MONDAY)[wang.points.pk]
        for one in (wang.kept, wang.gone)
    }
    now = {
        one.number: looking_back.balances(member_id=one.pk, day=TUESDAY)[wang.points.pk]
        for one in (wang.kept, wang.gone)
    }
    assert then == {"A-KEPT": 7, "B-GONE": 100}
    assert now == {"A-KEPT": 107, "B-GONE": 0}
    assert [lot.left for lot in looking_back.lots(member_id=wang.gone.pk, currency_id=wang.points.pk, day=MONDAY)] == [
        100
    ]


def test_what_is_left_goes_back_and_what_was_spent_stays_spent():
    wang = two()
    post(
        asked(wang.gone, wang.points, 100, occurred_on=LONG_AGO, expires_on=MARCH_END),
        asked(wang.gone, wang.points, 50, expires_on=APRIL_END),
        asked(wang.gone, wang.growth, 12, occurred_on=LONG_AGO),
        asked(wang.kept, wang.points, 7, expires_on=APRIL_END),
    )
    merge(wang.kept, wang.gone)
    post(asked(wang.kept, wang.points, -120))
    sums = totals()

    undo(wang.gone)

    # First to expire first, then the older: 100, Wang's own 7, and 13 of the 50.
    assert lots_of(wang.gone) == {(MONDAY, MONDAY, APRIL_END): 37}
    assert lots_of(wang.kept) == {}
    assert growth_of(wang.gone, currency=wang.growth) == {LONG_AGO: 12}
    assert totals() == sums
    post(asked(wang.gone, wang.points, -37))
    assert books_ok()


def test_a_chain_of_merges_comes_apart_again_link_by_link():
    """A into B, B into C; C gives B's and A's back to B, B gives A's back to A."""
    wang = two()
    last = MemberFactory(number="C-LAST", branch=wang.kept.branch)
    post(
        asked(wang.gone, wang.points, 100, expires_on=APRIL_END),
        asked(wang.kept, wang.points, 20, expires_on=MARCH_END),
        asked(last, wang.points, 3),
        asked(wang.gone, wang.growth, 6),
    )
    merge(wang.kept, wang.gone)
    merge(last, wang.kept)
    wang.gone.refresh_from_db()
    assert wang.gone.merged_into_id == last.pk
    assert balance_of(last, wang.points) == {"available": 123}

    undo(wang.kept)
    wang.gone.refresh_from_db()
    assert wang.gone.merged_into_id == wang.kept.pk
    undo(wang.gone)

    assert [balance_of(one, wang.points) for one in (wang.gone, wang.kept, last)] == [
        {"available": 100},
        {"available": 20},
        {"available": 3},
    ]
    assert growth_of(wang.gone, currency=wang.growth) == {MONDAY: 6}
    assert books_ok()


def test_a_merge_costs_the_same_for_many_lots():
    def statements(lots: int) -> int:
        number = Purse.objects.count()
        kept, gone = (MemberFactory(number=f"{which}-{number}", branch=wang.kept.branch) for which in "KG")
        post(*(asked(gone, wang.points, 1, expires_on=APRIL_END) for _ in range(lots)))
        post(*(asked(gone, wang.growth, 1, occurred_on=MONDAY - n * DAY) for n in range(lots)))
        with CaptureQueriesContext(connection) as seen:
            merge(kept, gone)
        assert Lot.objects.filter(member_id=kept.pk).count() == lots
        return len(seen)

    wang = two()

    assert statements(1) == statements(200)


def test_what_came_back_once_keeps_that_mark():
    """It was restored on the record that went: cancelled again by the one that stays, it must not last another thirty days."""
    wang = two()
    post(asked(wang.gone, wang.points, 100, kind=Kind.RESTORE, expires_on=APRIL_END))

    merge(wang.kept, wang.gone)

    assert Entry.objects.came_back().filter(member_id=wang.kept.pk).get().points == 100
