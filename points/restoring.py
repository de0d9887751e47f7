"""Restoring: a redemption that is cancelled comes back as new lots, one for each lot that it used (domain.md §3)."""

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.audit.recording import Change, record_each
from foundation.periods import day_of
from foundation.querying import statement
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from points import ledger
from points.models import CAME_BACK, Allocation, Entry, Kind, Redemption
from points.redeeming import MEMBER, STAFF, UnknownPurse

# What comes back can be used for so long at least, the first time: what has come back once keeps its day, or redeeming and cancelling
# again and again would keep points for ever. A transfer carries that on: two could take turns else.
LEAST_DAYS = 30
# So long may a member, or a teller for him, take back what he chose; a partner knows himself what he didn't deliver.
WINDOW = datetime.timedelta(days=7)


class AlreadyCancelled(Refusal):
    code = "already_cancelled"
    sentence = _("This redemption is cancelled already; its points have come back.")


class NotDone(Refusal):
    code = "not_done"
    sentence = _("This redemption is not done: its points are held, or went back already.")


class TooLateToCancel(Refusal):
    code = "too_late_to_cancel"
    sentence = _("A redemption can be cancelled for %(days)s days; that time is over.")


@in_transaction
def cancel(
    *, redemption: Redemption, at: datetime.datetime, actor: Actor, within: datetime.timedelta | None = None
) -> Redemption:
    """Cancel a redemption at the instant `at` and give its points back; return it as it is then.

    Refuses already_cancelled; not_done; too_late_to_cancel where it is older than `within` (None: never too late); unknown_purse where
    the membership is closed.
    """
    if within is not None and at - redemption.redeemed_at > within:
        raise TooLateToCancel(days=within.days)
    if redemption.state not in (Redemption.State.DONE, Redemption.State.CANCELLED):
        raise NotDone
    if not cancel_each([redemption.pk], at=at, actor=actor):
        raise AlreadyCancelled
    redemption.refresh_from_db()
    return redemption


@in_transaction
def cancel_each(redemption_ids: Sequence[uuid.UUID], *, at: datetime.datetime, actor: Actor) -> int:
    """Cancel those of the redemptions that stand, and return how many they were; the others change nothing.

    Four statements at most beside the ledger's, for one and for many. What a person cancels is one audit event each. Refuses
    unknown_purse, with the whole list, where a membership is closed.
    """
    standing = Redemption.objects.locked(redemption_ids, state=Redemption.State.DONE)
    ids = [redemption.pk for redemption in standing]
    if not ids:
        return 0
    Redemption.objects.filter(pk__in=ids).update(state=Redemption.State.CANCELLED, cancelled_at=at)
    ledger.stage()
    with connection.cursor() as cursor:
        named: dict[str, Any] = {"ids": ids, "restore": Kind.RESTORE, "occurred_on": day_of(at)}
        named |= {"least_until": day_of(at) + datetime.timedelta(days=LEAST_DAYS), "came_back": CAME_BACK}
        cursor.execute(statement("points", "stage_restores"), named)
    if set(ledger.post_staged(actor=actor)) - {"posted"}:
        raise UnknownPurse
    if actor.user:
        record_each(
            verb="points.cancel_redemption",
            actor=actor,
            subject_kind="redemption",
            changes=[
                Change(
                    subject_id=one.pk,
                    old={"state": Redemption.State.DONE},
                    new={"state": Redemption.State.CANCELLED, "member": one.member_id, "points": one.points},
                )
                for one in standing
            ],
            at=at,
        )
    return len(ids)


def returning(redemption: Redemption, *, today: datetime.date) -> list[tuple[int, datetime.date]]:
    """Return what would come back on `today`: points and the last day to use them, lot by lot, the first to lapse first.

    A last day before `today`: it would lapse at once, since it has come back before.
    """
    if redemption.entry_number is None:
        return []
    taken = Allocation.objects.filter(
        member_id=redemption.member_id, currency_id=redemption.currency_id, debit_number=redemption.entry_number
    )
    least = today + datetime.timedelta(days=LEAST_DAYS)
    lots = list(taken.order_by("lot_expires_on", "lot_number").values_list("points", "lot_expires_on", "lot_number"))
    came_back = Entry.objects.came_back().filter(
        member_id=redemption.member_id,
        currency_id=redemption.currency_id,
        number__in=[number for _points, _expires_on, number in lots],
    )
    keeps = set(came_back.values_list("number", flat=True))
    return [(points, expires_on if number in keeps else max(expires_on, least)) for points, expires_on, number in lots]


def is_open(redemption: Redemption, *, at: datetime.datetime) -> bool:
    """Tell whether a member or a teller may still cancel it: he chose it himself, it stands, and its WINDOW is not over."""
    chosen = redemption.caller in (MEMBER, STAFF)
    return chosen and redemption.state == Redemption.State.DONE and at - redemption.redeemed_at <= WINDOW
