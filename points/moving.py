"""Moving all points of one record of a person to the other when the two become one, and back (docs/merging.md)."""

import datetime
from collections.abc import Sequence

from django.db import DatabaseError
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.outbox.models import Obligation
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.models import Member, Merge
from points import ledger
from points.transferring import CREDIT, CREDIT_BACK


class OpenHold(Refusal):
    code = "open_hold"
    sentence = _("Points of the record that goes are held for a partner; wait until that ends.")


class FrozenPurse(Refusal):
    code = "frozen_purse"
    sentence = _("Points of one of the records are frozen; thaw them first.")


class TransferUnderWay(Refusal):
    code = "transfer_under_way"
    sentence = _("A transfer from the record that goes has not arrived yet; try again in a few minutes.")


class DebtPaid(Refusal):
    code = "debt_paid"
    sentence = _("The record that went owed points, which the other has paid since; correct that by hand instead.")


REFUSED: dict[str, type[Refusal]] = {
    "merge_without_holds": OpenHold,
    "merge_without_freezes": FrozenPurse,
    "undo_while_the_debt_stands": DebtPaid,
}
MOVE = "SELECT points_merge(%s, %s, %s, false, NULL, %s, %s)::json"
MOVE_BACK = "SELECT points_merge(%s, %s, %s, true, %s, %s, %s)::json"


@in_transaction
def move(*, merge: Merge, on: datetime.date, actor: Actor) -> dict[str, dict[str, int]]:
    """Move all points of the record that goes, each lot with its dates; return by currency id the `entries` written on each side,
    and how many `points`, of them `pending`, and how many `owed` have moved.

    One statement, however many lots. Refuses open_hold, frozen_purse, transfer_under_way.
    """
    waiting = Obligation.objects.filter(member_id=merge.gone_id, topic__in=[CREDIT, CREDIT_BACK], done_at=None)
    if waiting.exists():
        raise TransferUnderWay
    return _asked(MOVE, merge.gone, merge.kept, [merge.gone_id, merge.kept_id, merge.pk], on=on)


@in_transaction
def move_back(*, merge: Merge, family: Sequence[int], on: datetime.date, actor: Actor) -> dict[str, dict[str, int]]:
    """Move back what is left of the points that a merge brought, and were earned on the records `family`; return as `move` does.

    What was spent or has expired meanwhile stays with the record that stays. Refuses frozen_purse, debt_paid.
    """
    own = ledger.literal(family)
    return _asked(MOVE_BACK, merge.kept, merge.gone, [merge.kept_id, merge.gone_id, merge.pk, own], on=on)


def _asked(sql: str, giver: Member, taker: Member, arguments: list, *, on: datetime.date) -> dict[str, dict[str, int]]:
    """Run the statement of one direction, and raise as a refusal what the ledger refuses by name."""
    try:
        [[moved]] = ledger.asked(sql, [*arguments, ledger.literal([giver.number, taker.number]), on])
        return moved
    except DatabaseError as error:
        refusal = REFUSED.get(getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or "")
        if refusal is None:
            raise
        raise refusal() from error
