"""Cancelled redemptions: every lot that was used comes back as a lot of its own, and only once."""

import datetime
import uuid

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.jobs import clock
from foundation.outbox import relaying
from members.models import Member
from points import holding, redeeming, restoring, transferring
from points.holding import Aside
from points.ledger import NEVER
from points.models import Allocation, Entry, Hold, Kind, Lot, Redemption
from tests.factories import MemberFactory, UserFactory
from tests.points.cast import CLERK, MONDAY, NOON, asked, books_ok, open_bank, post, purse_of, redeem, wish

pytestmark = pytest.mark.django_db


def day(number: int) -> datetime.date:
    """Return the day so many days after MONDAY."""
    return MONDAY + datetime.timedelta(days=number)


def cancel(redemption, *, at=NOON, **more):
    return restoring.cancel(redemption=redemption, at=at, actor=CLERK, **more)


def lots_of(entries):
    """Return (points, last day) of the lots that these entries made, in order."""
    numbers = entries.values("number")
    return list(Lot.objects.filter(number__in=numbers).order_by("number").values_list("points", "expires_on"))


def test_five_lots_come_back_as_five_with_their_days():
    """E05: first to expire first, each amount back until its own last day, or 30 days on."""
    wang, points = open_bank()
    lasts = [day(10), day(29), day(30), day(31), NEVER]
    post(*(asked(wang, points, 10 + place, expires_on=last) for place, last in enumerate(lasts)))
    made = redeem(wang, points, 10 + 11 + 12 + 13 + 5).redemption

    cancelled = cancel(made)

    restores = Entry.objects.filter(kind=Kind.RESTORE).order_by("number")
    assert lots_of(restores) == [(10, day(30)), (11, day(30)), (12, day(30)), (13, day(31)), (5, NEVER)]
    assert [entry.cause for entry in restores] == [f"redemption/{made.pk}/lot/{number}" for number in range(1, 6)]
    assert [entry.occurred_on for entry in restores] == [MONDAY] * 5
    assert (cancelled.state, cancelled.cancelled_at) == ("cancelled", NOON)
    assert Allocation.objects.filter(debit_number=made.entry_number).count() == 5
    assert purse_of(wang, points) == {"available": 60, "credited": 111, "debited": 51, "entries": 11}
    assert books_ok()


@pytest.mark.parametrize(
    ("last_day", "returned_on", "usable_until"),
    [
        (day(0), day(0), day(30)),
        (day(29), day(0), day(30)),
        (day(30), day(0), day(30)),
        (day(31), day(0), day(31)),
        (day(31), day(1), day(31)),
        (day(31), day(2), day(32)),
        (day(31), day(40), day(70)),
        (day(360), day(40), day(360)),
        (NEVER, day(40), NEVER),
        (datetime.date(2028, 2, 29), datetime.date(2028, 1, 29), datetime.date(2028, 2, 29)),
        (datetime.date(2028, 2, 29), datetime.date(2028, 1, 30), datetime.date(2028, 2, 29)),
        (datetime.date(2028, 2, 29), datetime.date(2028, 1, 31), datetime.date(2028, 3, 1)),
    ],
)
def test_what_comes_back_lasts_as_long_as_it_would_have_and_thirty_days_at_least(last_day, returned_on, usable_until):
    """E04, as a table: the lot's last day, the day of return, the new lot's last day."""
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=last_day))
    made = redeem(wang, points, 40).redemption

    cancel(made, at=NOON + (returned_on - MONDAY))

    assert lots_of(Entry.objects.filter(kind=Kind.RESTORE)) == [(40, usable_until)]


@pytest.mark.parametrize(
    ("last_day", "returned_on", "usable_until"),
    [
        # Redeemed and cancelled on its last day, again and again: thirty days once.
        (day(0), [day(0), day(0), day(0)], [day(30), day(30), day(30)]),
        (day(0), [day(0), day(30), day(30)], [day(30), day(30), day(30)]),
        (day(10), [day(5), day(20), day(35)], [day(35), day(35), day(35)]),
        # Long enough of its own.
        (day(360), [day(40), day(350)], [day(360), day(360)]),
        (NEVER, [day(40), day(400)], [NEVER, NEVER]),
        # A leap day, and the year's end.
        (
            datetime.date(2028, 2, 10),
            [datetime.date(2028, 1, 31), datetime.date(2028, 3, 1)],
            [datetime.date(2028, 3, 1)] * 2,
        ),
        (
            datetime.date(2026, 12, 5),
            [datetime.date(2026, 12, 2), datetime.date(2026, 12, 31)],
            [datetime.date(2027, 1, 1)] * 2,
        ),
    ],
)
def test_what_has_come_back_once_keeps_its_day(last_day, returned_on, usable_until):
    """E04, as a table: the lot's last day, the days of return, the new lots' last days. Each time it is redeemed anew that day."""
    wang, points = open_bank()
    post(asked(wang, points, 40, expires_on=last_day))
    told = []

    made = redeem(wang, points, 40).redemption
    for returns in returned_on:
        at = NOON + (returns - MONDAY)
        told += [last for _points, last in restoring.returning(made, today=returns)]
        cancel(made, at=at)
        made = redeem(wang, points, 40, at=at).redemption

    assert [last for _points, last in lots_of(Entry.objects.filter(kind=Kind.RESTORE))] == told == usable_until
    assert books_ok()


def test_what_comes_back_again_after_its_day_lapses_at_once():
    wang, points = open_bank()
    post(asked(wang, points, 40, expires_on=day(0)), asked(wang, points, 5))
    cancel(redeem(wang, points, 40).redemption)
    made = redeem(wang, points, 42).redemption
    late = NOON + datetime.timedelta(days=31)

    assert restoring.returning(made, today=day(31)) == [(40, day(30)), (2, NEVER)]
    cancel(made, at=late)

    kinds = Entry.objects.order_by("number").values_list("kind", "points")
    assert list(kinds)[-3:] == [(Kind.RESTORE, 40), (Kind.EXPIRE, -40), (Kind.RESTORE, 2)]
    assert purse_of(wang, points)["available"] == 5
    assert books_ok()


def test_what_comes_back_first_pays_what_is_owed():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    made = redeem(wang, points, 80).redemption
    post(asked(wang, points, -50, kind=Kind.CLAWBACK))

    cancel(made)

    assert purse_of(wang, points) == {"available": 50, "credited": 180, "debited": 130, "entries": 4}
    assert books_ok()


def test_a_redemption_is_cancelled_once():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    made = redeem(wang, points, 80).redemption
    cancel(made)

    with pytest.raises(restoring.AlreadyCancelled), transaction.atomic():
        cancel(made)

    assert purse_of(wang, points) == {"available": 100, "credited": 180, "debited": 80, "entries": 3}


def test_the_ledger_itself_gives_nothing_back_twice():
    """Even where the row is told that it stands again, the keys of what came back are known."""
    wang, points = open_bank()
    post(asked(wang, points, 100))
    made = redeem(wang, points, 80).redemption
    cancel(made)
    Redemption.objects.update(state="done", cancelled_at=None)

    with pytest.raises(redeeming.UnknownPurse), transaction.atomic():
        cancel(made)

    assert purse_of(wang, points)["available"] == 100


def test_after_its_window_a_redemption_stays():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    made = redeem(wang, points, 80).redemption

    with pytest.raises(restoring.TooLateToCancel), transaction.atomic():
        cancel(made, at=NOON + datetime.timedelta(days=7, seconds=1), within=restoring.WINDOW)

    made.refresh_from_db()
    assert made.state == "done"
    assert purse_of(wang, points)["available"] == 20
    assert cancel(made, at=NOON + datetime.timedelta(days=7), within=restoring.WINDOW).state == "cancelled"


def test_a_closed_membership_gets_nothing_back():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    made = redeem(wang, points, 80).redemption
    Member.objects.filter(pk=wang.pk).update(status="closed", closed_on=MONDAY)

    with pytest.raises(redeeming.UnknownPurse), transaction.atomic():
        cancel(made)

    made.refresh_from_db()
    assert made.state == "done"
    assert not Entry.objects.filter(kind=Kind.RESTORE).exists()


def test_what_came_back_can_be_used_and_come_back_again():
    wang, points = open_bank()
    post(asked(wang, points, 100, expires_on=day(10)))
    cancel(redeem(wang, points, 100).redemption)

    later = NOON + datetime.timedelta(days=30)

    second = cancel(redeem(wang, points, 100, at=later).redemption, at=later)

    assert second.state == "cancelled"
    assert purse_of(wang, points)["available"] == 100
    assert books_ok()


def test_a_list_takes_as_many_statements_as_one():
    wang, points = open_bank()
    crowd = MemberFactory.create_batch(100, branch=wang.branch)
    post(*(asked(who, points, 50) for who in [wang, *crowd]))
    one = redeem(wang, points, 10).redemption
    many = redeeming.redeem_each([wish(who, points, 20) for who in crowd], at=NOON, actor=CLERK)
    ids = [answer.redemption.pk for answer in many]

    with CaptureQueriesContext(connection) as for_one:
        restoring.cancel_each([one.pk], at=NOON, actor=CLERK)
    with CaptureQueriesContext(connection) as for_many:
        cancelled = restoring.cancel_each([*ids, one.pk], at=NOON, actor=CLERK)

    assert cancelled == 100
    assert len(for_many) == len(for_one) == 6
    assert Entry.objects.filter(kind=Kind.RESTORE).count() == 101
    assert books_ok()


def test_a_person_leaves_an_event():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    made = redeem(wang, points, 80).redemption
    teller = UserFactory(is_staff=True)

    restoring.cancel(redemption=made, at=NOON, actor=Actor(user=teller))

    event = AuditEvent.objects.get()
    assert (event.verb, event.actor, event.subject_id) == ("points.cancel_redemption", teller, str(made.pk))
    assert (event.old, event.new["state"]) == ({"state": "done"}, "cancelled")


def test_a_list_cancelled_by_a_person_leaves_an_event_each():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    ids = [redeem(wang, points, 10).redemption.pk for _ in range(3)]

    restoring.cancel_each(ids, at=NOON, actor=Actor(user=UserFactory(is_staff=True)))

    events = AuditEvent.objects.filter(verb="points.cancel_redemption", new__state="cancelled", old__state="done")
    assert set(events.values_list("subject_id", flat=True)) == {str(pk) for pk in ids}


def test_what_came_back_keeps_its_day_with_whom_it_is_transferred_to():
    """Two who redeem, cancel and give to each other by turns gain thirty days once between them, also by what a hold gives back."""
    wang, points = open_bank()
    li = MemberFactory(branch=wang.branch)
    post(asked(wang, points, 40, expires_on=day(10)), asked(wang, points, 5, expires_on=day(11)))
    cancel(redeem(wang, points, 40).redemption)
    told = []

    for giver, taker, number in ((wang, li, 2), (li, wang, 4), (wang, li, 6)):
        at = NOON + datetime.timedelta(days=number)
        transfer(giver, taker, points, 45, on=day(number))
        made = redeem(taker, points, 45, at=at).redemption
        told.append([last for _points, last in restoring.returning(made, today=day(number))])
        cancel(made, at=at)
    holding.hold([aside(li, points, 45)], today=day(8), actor=CLERK)
    key = Hold.objects.get().key
    holding.release([(li.pk, points.pk, key)], today=day(50), actor=CLERK)

    assert told == [[day(32), day(30)], [day(30), day(32)], [day(30), day(32)]]
    last = Entry.objects.filter(member_id=li.pk, kind=Kind.RESTORE).order_by("-number")[:2]
    assert sorted(lots_of(last)) == [(5, day(32)), (40, day(30))]
    assert purse_of(li, points).get("available", 0) == 0
    assert books_ok()


def transfer(giver, taker, currency, points, *, on):
    transferring.transfer(
        from_member_id=giver.pk,
        to_member_id=taker.pk,
        currency_id=currency.pk,
        points=points,
        key=uuid.uuid4(),
        reference="gift",
        occurred_on=on,
        at=NOON,
        actor=CLERK,
    )
    assert relaying.relay(at=clock.now(), actor=CLERK)["done"] == 1


def aside(member, currency, points):
    return Aside(
        member_id=member.pk,
        currency_id=currency.pk,
        key=uuid.uuid4(),
        points=points,
        lapses_at=NOON + datetime.timedelta(days=9),
        cause="redemption/x/1",
    )
