"""Using points: what is taken of which lot, what is refused and changes nothing, and a wish that comes again."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from points import redeeming
from points.ledger import PointsOutOfRange
from points.models import Allocation, Entry, Kind, Lot, Redemption, redemption_of
from tests.factories import MemberFactory, PointCurrencyFactory, UserFactory
from tests.points.cast import (
    APRIL_END,
    CLERK,
    MARCH_END,
    MONDAY,
    NOON,
    asked,
    books_ok,
    open_bank,
    post,
    purse_of,
    redeem,
    wish,
)

pytestmark = pytest.mark.django_db


def test_a_redemption_takes_the_lots_that_lapse_first_and_is_named_as_the_cause():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=APRIL_END), asked(wang, points, 30, expires_on=MARCH_END))

    answer = redeem(wang, points, 50, reference="order-1", purpose="Tea voucher")

    made = Redemption.objects.get()
    assert (answer.came_before, answer.redemption) == (False, made)
    assert (made.points, made.state, made.caller, made.reference, made.purpose, made.redeemed_at) == (
        50, "done", "client 1", "order-1", "Tea voucher", NOON,
    )  # fmt: skip
    entry = Entry.objects.get(number=made.entry_number)
    assert (entry.kind, entry.points, entry.balance_after, entry.occurred_on) == (Kind.REDEEM, -50, 80, MONDAY)
    assert redemption_of(entry.cause) == made.pk
    taken = Allocation.objects.order_by("lot_expires_on").values_list("lot_expires_on", "points")
    assert list(taken) == [(MARCH_END, 30), (APRIL_END, 20)]
    assert books_ok()


def test_the_last_day_counts_to_its_last_instant_and_not_an_instant_longer():
    """D07: midnight is the bank's own, whatever the night has done by then."""
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=MONDAY))
    midnight = datetime.datetime(2026, 3, 2, 16, tzinfo=datetime.UTC)  # in Shanghai

    last = redeem(wang, points, 60, at=midnight - datetime.timedelta(milliseconds=1))
    with pytest.raises(redeeming.InsufficientPoints), transaction.atomic():
        redeem(wang, points, 40, at=midnight)

    assert last.came_before is False
    assert purse_of(wang, points) == {"available": 40, "credited": 100, "debited": 60, "entries": 2}


@pytest.mark.parametrize(
    ("points_asked", "refusal"),
    [
        (101, redeeming.InsufficientPoints),
        (0, PointsOutOfRange),
        (-1, PointsOutOfRange),
        (10**12 + 1, PointsOutOfRange),
        (2**63 - 1, PointsOutOfRange),
        (2**64, PointsOutOfRange),
    ],
)
def test_what_is_refused_changes_nothing(points_asked, refusal):
    """E06, E09."""
    wang, points = open_bank()
    post(asked(wang, points, 100))

    with pytest.raises(refusal) as refused, transaction.atomic():
        redeem(wang, points, points_asked)

    assert 400 <= refused.value.status < 500 and str(refused.value)
    assert not Redemption.objects.exists()
    assert purse_of(wang, points) == {"available": 100, "credited": 100, "entries": 1}


def test_a_closed_member_a_stranger_and_growth_points_redeem_nothing():
    wang, points = open_bank()
    growth = PointCurrencyFactory(growth=True)
    post(asked(wang, growth, 100))
    gone = MemberFactory(status="closed", closed_on=MONDAY)

    answers = redeeming.redeem_each(
        [wish(gone, points, 1), wish(MemberFactory.build(pk=10**9), points, 1), wish(wang, growth, 1)],
        at=NOON,
        actor=CLERK,
    )

    assert [answer.outcome for answer in answers] == ["unknown_purse", "unknown_purse", "insufficient"]
    assert not Redemption.objects.exists()


def test_a_reference_that_comes_again_gives_its_redemption_and_takes_nothing():
    """B09: also on another day and when the points are gone, and whatever else has been forgotten."""
    wang, points = open_bank()
    post(asked(wang, points, 100))
    first = redeem(wang, points, 100, reference="order-1")

    again = redeem(wang, points, 100, reference="order-1", at=NOON + datetime.timedelta(days=4))

    assert (again.came_before, again.redemption) == (True, first.redemption)
    assert Redemption.objects.count() == 1
    assert purse_of(wang, points) == {"credited": 100, "debited": 100, "entries": 2}


def test_a_reference_for_something_else_is_refused():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    redeem(wang, points, 10, reference="order-1")

    with pytest.raises(redeeming.ReferenceReused), transaction.atomic():
        redeem(wang, points, 11, reference="order-1")

    assert purse_of(wang, points)["debited"] == 10


def test_each_caller_each_member_and_each_purse_has_references_of_its_own():
    wang, points = open_bank()
    miles, li = PointCurrencyFactory(code="miles"), MemberFactory()
    post(asked(wang, points, 100), asked(wang, miles, 100), asked(li, points, 100))

    answers = redeeming.redeem_each(
        [
            wish(wang, points, 10, reference="1"),
            wish(wang, points, 10, reference="1", caller="client 2"),
            wish(wang, miles, 10, reference="1"),
            wish(li, points, 10, reference="1"),
            wish(wang, points, 10, reference="1"),
        ],
        at=NOON,
        actor=CLERK,
    )

    assert [answer.outcome for answer in answers] == ["done"] * 4 + ["duplicate"]
    assert answers[4].redemption == answers[0].redemption
    assert purse_of(wang, points)["debited"] == 20
    assert books_ok()


def test_a_list_takes_as_many_statements_as_one_and_a_wish_spoils_no_other():
    wang, points = open_bank()
    crowd = MemberFactory.create_batch(200, branch=wang.branch)
    post(*(asked(who, points, 50) for who in [wang, *crowd]))

    with CaptureQueriesContext(connection) as one:
        redeem(wang, points, 10)
    with CaptureQueriesContext(connection) as many:
        answers = redeeming.redeem_each(
            [wish(who, points, 60 if place % 2 else 20) for place, who in enumerate(crowd)], at=NOON, actor=CLERK
        )

    assert len(many) == len(one) == 2
    assert [answer.outcome for answer in answers] == ["done", "insufficient"] * 100
    assert Redemption.objects.count() == 101
    assert books_ok()


def test_a_person_leaves_an_event_and_a_system_its_entry():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    teller = Actor(user=UserFactory(is_staff=True))

    by_person = redeeming.redeem(
        member_id=wang.pk, currency_id=points.pk, points=10, caller="staff", reference="1", purpose="gift", at=NOON, actor=teller
    )  # fmt: skip
    redeem(wang, points, 10)

    event = AuditEvent.objects.get()
    assert (event.verb, event.actor, event.subject_id) == ("points.redeem", teller.user, str(by_person.redemption.pk))
    assert event.new == {"member": wang.pk, "points": 10, "purpose": "gift"}


@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({"points": 0}, "redemption_points_in_range"),
        ({"state": "lost"}, "redemption_has_what_its_state_says"),
        ({"state": "held"}, "redemption_has_what_its_state_says"),
        ({"entry_number": None}, "redemption_has_what_its_state_says"),
        ({"lapses_at": NOON}, "redemption_held_until_an_instant"),
        ({"state": "cancelled"}, "redemption_cancelled_has_its_instant"),
        ({"cancelled_at": NOON}, "redemption_cancelled_has_its_instant"),
    ],
)
def test_the_database_itself_refuses_a_redemption_that_cant_be(changed, constraint):
    wang, points = open_bank()
    post(asked(wang, points, 100))
    redeem(wang, points, 10)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Redemption.objects.update(**changed)


def test_a_lot_is_never_taken_below_nothing():
    wang, points = open_bank()
    post(asked(wang, points, 7, expires_on=MARCH_END), asked(wang, points, 5))

    redeem(wang, points, 12)

    assert set(Lot.objects.values_list("remaining", flat=True)) == {0}
    assert books_ok()


def test_a_list_by_a_person_leaves_an_event_each_in_one_statement():
    wang, points = open_bank()
    crowd = MemberFactory.create_batch(30, branch=wang.branch)
    post(*(asked(who, points, 50) for who in [wang, *crowd]))
    teller = Actor(user=UserFactory(is_staff=True))

    with CaptureQueriesContext(connection) as one:
        redeeming.redeem_each([wish(wang, points, 10)], at=NOON, actor=teller)
    with CaptureQueriesContext(connection) as many:
        answers = redeeming.redeem_each(
            [wish(who, points, 60 if place % 2 else 20) for place, who in enumerate(crowd)], at=NOON, actor=teller
        )

    assert len(many) == len(one) == 3
    done = {str(answer.redemption.pk) for answer in answers if answer.redemption}
    events = AuditEvent.objects.filter(verb="points.redeem", actor=teller.user, new__points=20)
    assert set(events.values_list("subject_id", flat=True)) == done
    assert len(done) == events.count() == 15
