"""Reserving: a redemption that waits for a partner holds its points first, then is captured, released, or lapses by itself."""

import datetime

from django.db import connection
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.periods import day_of
from foundation.querying import statement
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from points import holding, redeeming
from points.models import Hold, Redemption
from points.redeeming import REFUSED, Redeemed, Wish

# So long are points held unless the caller says otherwise, and so long at most.
HOLD_MINUTES, MOST_MINUTES = 30, 7 * 24 * 60


class NotHeld(Refusal):
    code = "not_held"
    sentence = _("This redemption holds no points: it was never a hold.")


class HoldEnded(Refusal):
    code = "hold_ended"
    sentence = _("The points are no longer held: they went back.")


class AlreadyCaptured(Refusal):
    code = "already_captured"
    sentence = _("This redemption is done; it can only be cancelled.")


@in_transaction
def hold(*, wish: Wish, minutes: int, at: datetime.datetime, actor: Actor) -> Redeemed:
    """Hold the points of a wish until `minutes` after the instant `at`; return the redemption, held now or by the same wish before.

    For systems: what they hold, the redemption and its hold remember. Refuses as `redeeming.redeem` does.
    """
    if not 1 <= wish.points <= redeeming.MOST_POINTS:
        raise redeeming.PointsOutOfRange(field="points")
    redemption = redeeming.asked_for(wish, at)
    redemption.hold_key = redeeming.key_of(redemption)
    redemption.lapses_at = at + datetime.timedelta(minutes=minutes)
    redemption.state = Redemption.State.HELD
    aside = holding.Aside(
        member_id=wish.member_id,
        currency_id=wish.currency_id,
        key=redemption.hold_key,
        points=wish.points,
        lapses_at=redemption.lapses_at,
        cause=redemption.cause,
    )
    [answer] = holding.hold([aside], today=day_of(at), actor=actor)
    if answer.outcome == Hold.State.HELD:
        redeeming.keep([redemption])
        return Redeemed(redemption, came_before=False)
    again = redeeming.answer_again(redemption, answer.outcome, redeeming.standing([redemption]))
    if again.redemption is None:
        raise REFUSED[again.outcome]()
    return Redeemed(again.redemption, came_before=True)


@in_transaction
def capture(*, redemption: Redemption, at: datetime.datetime, actor: Actor) -> Redemption:
    """Make a held redemption one that is done, on the day of `at`; return it as it is then. One that is done already stays so.

    Refuses not_held, hold_ended.
    """
    [answer] = holding.capture([_hold(redemption)], occurred_on=day_of(at), at=at, actor=actor)
    if answer.outcome not in ("posted", "duplicate"):
        raise HoldEnded
    _end(redemption, Redemption.State.DONE, answer.number)
    return redemption


@in_transaction
def release(*, redemption: Redemption, at: datetime.datetime, actor: Actor) -> Redemption:
    """Give the points of a held redemption back; return it as it is then. One whose points went back already stays so.

    Refuses not_held, already_captured.
    """
    member_id, currency_id, key = _hold(redemption)
    [answer] = holding.release([(member_id, currency_id, key)], today=day_of(at), actor=actor)
    if answer.outcome == Hold.State.CAPTURED:
        raise AlreadyCaptured
    ended = Hold.objects.get(member_id=member_id, currency_id=currency_id, key=key)
    _end(redemption, ended.state, ended.entry_number)
    return redemption


@in_transaction
def lapse(*, at: datetime.datetime, today: datetime.date, actor: Actor) -> int:
    """Let holds lapse whose time is over `at` the instant, as `holding.lapse` does, and their redemptions with them; return how many holds.

    One statement beside it, however many.
    """
    lapsed = holding.lapse(at=at, today=today, actor=actor)
    if lapsed:
        with connection.cursor() as cursor:
            cursor.execute(statement("points", "lapse_redemptions"), {"at": at})
    return lapsed


def _hold(redemption: Redemption) -> holding.HoldKey:
    if redemption.hold_key is None:
        raise NotHeld
    return redemption.member_id, redemption.currency_id, redemption.hold_key


def _end(redemption: Redemption, state: str, entry_number: int | None) -> None:
    """Move a redemption from held to `state`; one that isn't held any more is left as it is. Reads it anew."""
    held = Redemption.objects.filter(pk=redemption.pk, state=Redemption.State.HELD)
    held.update(state=state, entry_number=entry_number)
    redemption.refresh_from_db()
