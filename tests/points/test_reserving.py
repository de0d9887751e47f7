"""Points held for a partner: captured, released or lapsed, once, and the redemption says which."""

import datetime

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from points import redeeming, reserving, restoring
from points.models import Entry, Hold, Kind, Redemption
from tests.factories import MemberFactory
from tests.points.cast import (
    CLERK,
    MONDAY,
    NOON,
    asked,
    books_ok,
    finish_closing,
    open_bank,
    post,
    purse_of,
    redeem,
    start_closing,
    wish,
)

pytestmark = pytest.mark.django_db
HALF_AN_HOUR = datetime.timedelta(minutes=30)


def hold(member, currency, points=80, *, at=NOON, **more):
    asked_for = wish(member, currency, points, **more)
    return reserving.hold(wish=asked_for, minutes=30, at=at, actor=CLERK)


def end(verb, redemption, *, at=NOON):
    return verb(redemption=redemption, at=at, actor=CLERK)


def lapse(at):
    return reserving.lapse(at=at, today=MONDAY, actor=CLERK)


def test_held_points_are_neither_spent_nor_spendable():
    wang, points = open_bank()
    post(asked(wang, points, 100))

    made = hold(wang, points).redemption

    assert (made.state, made.entry_number, made.lapses_at) == ("held", None, NOON + HALF_AN_HOUR)
    assert not Entry.objects.filter(kind=Kind.REDEEM).exists()
    with pytest.raises(redeeming.InsufficientPoints), transaction.atomic():
        redeem(wang, points, 21)
    assert books_ok()


def test_captured_it_is_done_and_can_be_cancelled_like_any_other():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=MONDAY + datetime.timedelta(days=10)))
    made = hold(wang, points).redemption

    captured = end(reserving.capture, made)
    again = end(reserving.capture, made)
    cancelled = restoring.cancel(redemption=made, at=NOON, actor=CLERK)

    assert (captured.state, again.pk, again.state) == ("cancelled", made.pk, "cancelled") == (
        cancelled.state, made.pk, "cancelled",
    )  # fmt: skip
    entry = Entry.objects.get(number=made.entry_number)
    assert (entry.kind, entry.points, entry.cause) == (Kind.REDEEM, -80, made.cause)
    assert Entry.objects.filter(kind=Kind.RESTORE).count() == 1
    assert purse_of(wang, points)["available"] == 100
    assert books_ok()


def test_released_its_points_are_back_and_no_entry_tells_of_it():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    made = hold(wang, points).redemption

    released, again = end(reserving.release, made), end(reserving.release, made)

    assert (released.state, again.state, made.entry_number) == ("released", "released", None)
    assert purse_of(wang, points) == {"available": 100, "credited": 100, "entries": 1}
    with pytest.raises(reserving.HoldEnded), transaction.atomic():
        end(reserving.capture, made)
    with pytest.raises(restoring.NotDone), transaction.atomic():
        restoring.cancel(redemption=made, at=NOON, actor=CLERK)
    assert books_ok()


def test_captured_it_is_not_released():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    made = end(reserving.capture, hold(wang, points).redemption)

    with pytest.raises(reserving.AlreadyCaptured), transaction.atomic():
        end(reserving.release, made)

    assert made.state == "done"
    assert purse_of(wang, points)["debited"] == 80


def test_after_its_time_it_is_not_captured_and_lapses_with_the_next_ring():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    made = hold(wang, points).redemption

    before = lapse(NOON + HALF_AN_HOUR - datetime.timedelta(seconds=1))
    with pytest.raises(reserving.HoldEnded), transaction.atomic():
        end(reserving.capture, made, at=NOON + HALF_AN_HOUR)
    lapsed = lapse(NOON + HALF_AN_HOUR)
    made.refresh_from_db()

    assert (before, lapsed, made.state) == (0, 1, "lapsed")
    assert lapse(NOON + HALF_AN_HOUR) == 0
    assert end(reserving.release, made).state == "lapsed"
    assert purse_of(wang, points)["available"] == 100
    assert books_ok()


def test_what_lapsed_while_it_was_held_comes_back_and_the_redemption_names_its_entry():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=MONDAY))
    made = hold(wang, points).redemption
    start_closing()
    finish_closing()

    released = end(reserving.release, made, at=NOON + datetime.timedelta(days=1))

    assert (released.state, released.entry_number) == ("released", 2)
    assert list(Redemption.objects.behind(Entry.objects.order_by("number"))) == [2, 3]
    assert [entry.points for entry in Entry.objects.order_by("number")][:3] == [100, -80, 80]
    assert restoring.returning(released, today=MONDAY) != []


def test_a_reference_that_comes_again_finds_its_hold_and_no_other_use_of_it():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    made = hold(wang, points, 40, reference="order-1").redemption

    again = hold(wang, points, 40, reference="order-1", at=NOON + HALF_AN_HOUR * 2)

    assert (again.came_before, again.redemption) == (True, made)
    for other in (
        lambda: hold(wang, points, 41, reference="order-1"),
        lambda: redeem(wang, points, 40, reference="order-1"),
    ):
        with pytest.raises(redeeming.ReferenceReused), transaction.atomic():
            other()
    end(reserving.capture, made)
    with pytest.raises(redeeming.ReferenceReused), transaction.atomic():
        redeem(wang, points, 40, reference="order-1")
    redeem(wang, points, 10, reference="order-2")
    with pytest.raises(redeeming.ReferenceReused), transaction.atomic():
        hold(wang, points, 10, reference="order-2")
    assert (Hold.objects.count(), Redemption.objects.count()) == (1, 2)
    assert purse_of(wang, points) == {"available": 50, "credited": 100, "debited": 50, "entries": 3}


def test_what_was_not_held_is_neither_captured_nor_released():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    made = redeem(wang, points, 80).redemption

    for verb in (reserving.capture, reserving.release):
        with pytest.raises(reserving.NotHeld), transaction.atomic():
            end(verb, made)

    assert purse_of(wang, points)["debited"] == 80


@pytest.mark.parametrize(
    ("points_asked", "refusal"),
    [(101, "insufficient_points"), (0, "points_out_of_range"), (10**13, "points_out_of_range")],
)
def test_what_is_refused_holds_nothing(points_asked, refusal):
    wang, points = open_bank()
    post(asked(wang, points, 100))

    with pytest.raises(redeeming.Refusal) as refused, transaction.atomic():
        hold(wang, points, points_asked)

    assert refused.value.code == refusal
    assert not Redemption.objects.exists() and not Hold.objects.exists()


def test_many_lapse_by_as_many_statements_as_one():
    wang, points = open_bank()
    crowd = MemberFactory.create_batch(50, branch=wang.branch)
    post(*(asked(who, points, 100) for who in [wang, *crowd]))
    hold(wang, points)
    with CaptureQueriesContext(connection) as one:
        lapse(NOON + HALF_AN_HOUR)
    for who in crowd:
        hold(who, points)

    with CaptureQueriesContext(connection) as many:
        assert lapse(NOON + HALF_AN_HOUR) == 50

    assert len(many) == len(one) == 3
    assert set(Redemption.objects.values_list("state", flat=True)) == {"lapsed"}
    assert books_ok()
