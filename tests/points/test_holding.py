"""Points held for a partner: captured, released, lapsed; and what becomes of them where the world has moved meanwhile."""

import datetime
import uuid

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from members.models import Member
from points import holding, lapsing, releasing
from points.holding import Aside
from points.ledger import NEVER, Answer, PointsOutOfRange
from points.models import Allocation, Entry, Hold, Kind, Lot, Purse
from tests.factories import MemberFactory, PointCurrencyFactory
from tests.points.cast import (
    APRIL_END,
    CLERK,
    MARCH_END,
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

NOON = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
EVENING = NOON + datetime.timedelta(hours=6)


def aside(member, currency, points, **more):
    """Return a hold to ask for, until the evening, under a new key."""
    key = more.pop("key", None) or uuid.uuid4()
    defaults = {"lapses_at": EVENING, "cause": f"redemption/partner/{key}"}
    return Aside(member_id=member.pk, currency_id=currency.pk, key=key, points=points, **defaults | more)


def hold(*batch, today=MONDAY):
    return holding.hold(batch, today=today, actor=CLERK)


def key_of(wanted):
    return (wanted.member_id, wanted.currency_id, wanted.key)


def capture(*wanted, at=NOON, occurred_on=MONDAY):
    return holding.capture([key_of(one) for one in wanted], occurred_on=occurred_on, at=at, actor=CLERK)


def release(*wanted, today=MONDAY):
    return holding.release([key_of(one) for one in wanted], today=today, actor=CLERK)


def lots_of(member):
    return list(Lot.objects.filter(member_id=member.pk).order_by("number").values_list("remaining", "held", "expired"))


def test_held_points_are_neither_spendable_nor_spent():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=APRIL_END), asked(wang, points, 50, expires_on=MARCH_END))

    answers = hold(aside(wang, points, 80))

    assert answers == [Answer("held", None, 70)]
    assert purse_of(wang, points) == {"available": 70, "held": 80, "credited": 150, "entries": 2}
    assert lots_of(wang) == [(70, 30, 0), (0, 50, 0)]
    assert outcomes(post(asked(wang, points, -71))) == ["insufficient"]
    assert books_ok()


def test_a_capture_books_the_redemption_from_the_lots_that_were_held():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=APRIL_END))
    wanted = aside(wang, points, 80)
    hold(wanted)
    post(asked(wang, points, 40, expires_on=MARCH_END))

    answers = capture(wanted)

    assert answers == [Answer("posted", 3, 60)]
    entry = Entry.objects.get(number=3)
    assert (entry.kind, entry.points, entry.event_key, entry.cause) == (Kind.REDEEM, -80, wanted.key, wanted.cause)
    assert list(Allocation.objects.values_list("debit_number", "lot_number", "points")) == [(3, 1, 80)]
    assert purse_of(wang, points) == {"available": 60, "credited": 140, "debited": 80, "entries": 3}
    assert Hold.objects.get().state == "captured"
    assert books_ok()


def test_a_release_gives_back_what_was_held():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=APRIL_END))
    wanted = aside(wang, points, 80)
    hold(wanted)

    answers = release(wanted)

    assert answers == [Answer("released", None, 100)]
    assert purse_of(wang, points) == {"available": 100, "credited": 100, "entries": 1}
    assert books_ok()


def test_every_step_answers_again_as_it_did():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    kept, gone = aside(wang, points, 30), aside(wang, points, 20)

    answers = [
        hold(kept, gone),
        hold(kept),
        capture(kept),
        capture(kept),
        release(kept),
        release(gone),
        release(gone),
        capture(gone),
    ]

    assert [outcomes(each) for each in answers] == [
        ["held", "held"], ["duplicate"], ["posted"], ["duplicate"], ["captured"], ["released"], ["duplicate"], ["released"],
    ]  # fmt: skip
    assert answers[2] == [Answer("posted", 2, 70)]
    assert answers[3] == [Answer("duplicate", 2, 70)]
    assert outcomes(hold(aside(wang, points, 31, key=kept.key, cause=kept.cause))) == ["conflict"]
    assert outcomes(capture(aside(wang, points, 1))) == ["unknown_hold"]
    assert books_ok()


def test_holds_that_do_not_fit_take_nothing():
    wang, points = open_bank()
    growth, left = PointCurrencyFactory(growth=True), MemberFactory(status="closed", closed_on=MONDAY)
    post(asked(wang, points, 100), asked(wang, growth, 100))

    answers = hold(
        aside(wang, points, 60),
        aside(wang, points, 50),
        aside(wang, points, 40),
        aside(wang, growth, 1),
        aside(left, points, 1),
    )

    assert outcomes(answers) == ["held", "insufficient", "held", "insufficient", "unknown_purse"]
    assert purse_of(wang, points) == {"held": 100, "credited": 100, "entries": 1}
    assert books_ok()


@pytest.mark.parametrize("wrong", [0, -5, 10**12 + 1, 2**63])
def test_only_whole_points_in_range_are_held(wrong):
    wang, points = open_bank()
    post(asked(wang, points, 100))

    with pytest.raises(PointsOutOfRange), transaction.atomic():
        hold(aside(wang, points, wrong))
    assert Hold.objects.count() == 0


def test_past_midnight_a_lapsed_lot_is_not_held_though_its_day_is_still_open():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=MONDAY), asked(wang, points, 50, expires_on=APRIL_END))

    answers = hold(aside(wang, points, 60), aside(wang, points, 50), today=TUESDAY)

    assert outcomes(answers) == ["insufficient", "held"]
    assert lots_of(wang) == [(0, 0, 100), (0, 50, 0)]
    assert books_ok()


def test_a_hold_lapses_by_itself():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    wanted = aside(wang, points, 80)
    hold(wanted, aside(wang, points, 5, lapses_at=EVENING + datetime.timedelta(days=1)))

    assert holding.lapse(at=EVENING - datetime.timedelta(seconds=1), today=MONDAY, actor=CLERK) == 0
    assert outcomes(capture(wanted, at=EVENING)) == ["lapsed"]
    assert holding.lapse(at=EVENING, today=MONDAY, actor=CLERK) == 1

    assert purse_of(wang, points) == {"available": 95, "held": 5, "credited": 100, "entries": 1}
    assert outcomes(capture(wanted)) == ["lapsed"]
    assert holding.lapse(at=EVENING, today=MONDAY, actor=CLERK) == 0
    assert books_ok()


def test_what_has_lapsed_while_it_was_held_comes_back_as_by_a_restore():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=MONDAY), asked(wang, points, 50, expires_on=APRIL_END))
    wanted = aside(wang, points, 120)
    hold(wanted)
    start_closing(MONDAY)
    lapsing.lapse(as_of=MONDAY, first_member=wang.pk, last_member=wang.pk, actor=CLERK)
    finish_closing(MONDAY)

    answers = release(wanted, today=TUESDAY)

    assert answers == [Answer("released", None, 150)]
    assert list(Entry.objects.filter(number__gt=2).order_by("number").values_list("kind", "points", "balance_after")) == [
        (Kind.REDEEM, -100, 50), (Kind.RESTORE, 100, 150),
    ]  # fmt: skip
    assert Lot.objects.get(number=4).expires_on == TUESDAY + datetime.timedelta(days=30)
    assert lots_of(wang) == [(0, 0, 0), (50, 0, 0), (100, 0, 0)]
    assert books_ok(as_of=MONDAY)


def test_what_is_released_between_the_flip_and_its_night_answers_what_can_be_used():
    """What lapsed with the date that is closing, or became available on the one that opened, is not booked yet."""
    wang, points = open_bank()
    post(
        asked(wang, points, 100, expires_on=MONDAY),
        asked(wang, points, 30, available_on=TUESDAY),
        asked(wang, points, 50, expires_on=APRIL_END),
    )
    wanted = aside(wang, points, 20)
    hold(wanted)
    start_closing(MONDAY)

    answers = release(wanted, today=TUESDAY)

    lapsing.lapse(as_of=MONDAY, first_member=wang.pk, last_member=wang.pk, actor=CLERK)
    releasing.release(as_of=MONDAY, first_member=wang.pk, last_member=wang.pk, actor=CLERK)
    assert answers == [Answer("released", None, 100)]
    assert purse_of(wang, points)["available"] == 100


def test_what_had_come_back_once_and_lapses_while_it_is_held_is_gone():
    """Holding again and again keeps no point for ever: thirty days are given once."""
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=MONDAY, kind=Kind.RESTORE), asked(wang, points, 50))
    wanted = aside(wang, points, 120)
    hold(wanted)
    start_closing(MONDAY)
    lapsing.lapse(as_of=MONDAY, first_member=wang.pk, last_member=wang.pk, actor=CLERK)
    finish_closing(MONDAY)

    answers = release(wanted, today=TUESDAY)

    assert answers == [Answer("released", None, 50)]
    assert list(Entry.objects.filter(number__gt=2).order_by("number").values_list("kind", "points", "balance_after")) == [
        (Kind.REDEEM, -100, 50), (Kind.RESTORE, 100, 150), (Kind.EXPIRE, -100, 50),
    ]  # fmt: skip
    assert books_ok(as_of=MONDAY)


def test_what_comes_back_to_a_purse_that_owes_pays_first():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=APRIL_END))
    wanted = aside(wang, points, 100)
    hold(wanted)
    post(asked(wang, points, -30, kind=Kind.CLAWBACK))

    answers = release(wanted)

    assert answers == [Answer("released", None, 70)]
    assert purse_of(wang, points) == {"available": 70, "credited": 200, "debited": 130, "entries": 4}
    assert Lot.objects.get(number=4).expires_on == APRIL_END
    assert books_ok()


def test_one_hold_and_a_thousand_take_the_same_number_of_statements():
    _wang, points = open_bank()
    crowd = MemberFactory.create_batch(40, branch=MemberFactory().branch)
    post(*(asked(member, points, 100) for member in crowd))
    counts = []

    for some in (crowd[:1], crowd[1:]):
        wanted = [aside(member, points, 10) for member in some for _ in range(3)]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            hold(*wanted)
            capture(*wanted[0::3])
            release(*wanted[1::3])
            holding.lapse(at=EVENING, today=MONDAY, actor=CLERK)
        counts.append(len(queries))

    assert counts == [5, 5]
    assert Purse.objects.filter(available=90, held=0).count() == 40
    assert set(Lot.objects.values_list("expires_on", flat=True)) == {NEVER}
    assert books_ok()


def test_what_a_closed_membership_had_held_is_captured_or_goes_back_and_then_lapses():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=MONDAY))
    captured, released = aside(wang, points, 30), aside(wang, points, 20)
    hold(captured, released)

    Member.objects.filter(pk=wang.pk).update(status="closed", closed_on=MONDAY)

    assert outcomes(capture(captured)) == ["posted"]
    assert outcomes(release(released)) == ["released"]
    assert outcomes(hold(aside(wang, points, 1))) == outcomes(post(asked(wang, points, 1))) == ["unknown_purse"]
    start_closing()
    lapsing.lapse(as_of=MONDAY, first_member=1, last_member=wang.pk, actor=CLERK)
    finish_closing()
    assert purse_of(wang, points) == {"credited": 100, "debited": 30, "expired": 70, "entries": 3}
    assert books_ok(as_of=MONDAY)


def test_a_membership_opened_again_has_its_purse_back():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    Member.objects.filter(pk=wang.pk).update(status="closed", closed_on=MONDAY)

    Member.objects.filter(pk=wang.pk).update(status="active", closed_on=None)

    assert outcomes(post(asked(wang, points, 1), asked(wang, points, -101))) == ["posted", "posted"]
