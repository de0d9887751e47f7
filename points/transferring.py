"""Transferring points to another member: a debit and an obligation in one transaction, the credit in another (docs/transfers.md).

No transaction holds two members' purses, so two that give to each other can't wait for each other.
"""

import datetime
import hashlib
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Sum
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.outbox.models import Obligation
from foundation.outbox.owing import Owed, owe
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import spending
from members.models import Member
from points import ledger
from points.ledger import NEVER, Answer, Posting
from points.models import CAME_BACK, Allocation, Entry, Kind, PointCurrency
from points.redeeming import InsufficientPoints, PurseFrozen, UnknownPurse

CREDIT = "points.transfer"
CREDIT_BACK = "points.transfer_back"
BOOKED = {"posted", "duplicate"}


class SameMember(Refusal):
    code = "same_member"
    status = 422
    sentence = _("Points can be transferred to another member only.")


class NothingToTransfer(Refusal):
    code = "points_not_positive"
    status = 422
    sentence = _("Say how many points, 1 at least.")


class NotTransferable(Refusal):
    code = "not_transferable"
    status = 422
    sentence = _("Points of this kind can't be transferred.")


class UnknownRecipient(Refusal):
    """There is no such member, or his membership is closed: which of the two is not told."""

    code = "unknown_recipient"
    status = 422
    sentence = _("There is no member who could take these points.")


class OverDailyLimit(Refusal):
    code = "over_daily_limit"
    sentence = _("At most %(limit)s points can be transferred on one day.")


class KeyUsedOtherwise(Refusal):
    code = "key_used_otherwise"
    status = 422
    sentence = _("This was sent before with other content.")


REFUSED: dict[str, type[Refusal]] = spending.REFUSED | {
    "insufficient": InsufficientPoints,
    "frozen": PurseFrozen,
    "conflict": KeyUsedOtherwise,
    "unknown_purse": UnknownPurse,
}


class NotCredited(Exception):
    """A transfer's credit was not booked for a reason that only people can clear up; it is tried again, then quarantined."""


@in_transaction
def transfer(
    *,
    from_member_id: int,
    to_member_id: int,
    currency_id: int,
    points: int,
    key: UUID,
    reference: str,
    occurred_on: datetime.date,
    at: datetime.datetime,
    actor: Actor,
) -> Answer:
    """Take points from a member and owe them to another, lot by lot with its expiry; return what the debit answered.

    The relay credits soon after; where the other can't take them by then, it credits them back. The same key again answers as
    the first. `reference` (a short word of ours, no personal data) says what the transfer is part of. Refuses same_member,
    points_not_positive, not_transferable, unknown_recipient, unknown_purse, insufficient_points, frozen, over_daily_limit,
    key_used_otherwise, and what keeps the giver from spending (members.spending).
    """
    if from_member_id == to_member_id:
        raise SameMember
    if points <= 0:
        raise NothingToTransfer(field="points")
    currency = PointCurrency.objects.filter(pk=currency_id, kind=PointCurrency.Kind.REWARD).first()
    if currency is None:
        raise NotTransferable
    debit = Posting(
        member_id=from_member_id,
        currency_id=currency_id,
        key=key,
        kind=Kind.TRANSFER,
        points=-points,
        occurred_on=occurred_on,
        cause=f"transfer/{key}/{to_member_id}",
        figures={"to_member": to_member_id, "reference": reference},
    )
    [answer] = ledger.post([debit], actor=actor)
    if answer.outcome == "duplicate":
        return answer
    if answer.number is None:
        raise REFUSED[answer.outcome]
    # The purse is locked now: what the rules below read can't change under them, and a refusal takes the debit back.
    # Who may not earn is given nothing either.
    if not Member.objects.filter(pk=to_member_id).exclude(status__in=["suspended", "closed"]).exists():
        raise UnknownRecipient
    _refuse_over_daily_limit(debit, currency)
    payload = {
        "transfer": f"{key}",
        "currency_id": currency_id,
        "to_member": to_member_id,
        "debit": answer.number,
        "occurred_on": f"{occurred_on}",
        "lots": _lots_taken(debit, answer.number),
    }
    # A key is a purse's own; an obligation's, the member's.
    owed = Owed(member_id=from_member_id, key=f"{currency_id}/{key}", payload=payload)
    if owe([owed], topic=CREDIT) != 1:
        raise KeyUsedOtherwise
    record(
        verb="points.transfer",
        actor=actor,
        subject_kind="member",
        subject_id=from_member_id,
        at=at,
        new={"to_member": to_member_id, "points": points, "entry": answer.number, "reference": reference},
    )
    return answer


def _lots_taken(debit: Posting, number: int) -> list[list[Any]]:
    """Return what the debit `number` took, lot by lot: its number, last day, points, and CAME_BACK where they had come back before."""
    own = Entry.objects.filter(member_id=debit.member_id, currency_id=debit.currency_id, number=OuterRef("lot_number"))
    taken = Allocation.objects.filter(
        member_id=debit.member_id, currency_id=debit.currency_id, debit_number=number
    ).annotate(came_back=Exists(own.came_back()))
    return [
        [part.lot_number, f"{part.lot_expires_on}", part.points, *([CAME_BACK] if part.came_back else [])]
        for part in taken.order_by("lot_expires_on", "lot_number")
    ]


def _refuse_over_daily_limit(debit: Posting, currency: PointCurrency) -> None:
    """Refuse (over_daily_limit) what makes a day's transfers more than the currency allows; asked with the debit booked."""
    if currency.transfers_per_day is None:
        return
    own = Entry.objects.filter(member_id=debit.member_id, currency_id=debit.currency_id)
    of_day = own.filter(kind=Kind.TRANSFER, points__lt=0, occurred_on=debit.occurred_on, cause__startswith="transfer/")
    if -of_day.aggregate(points=Sum("points"))["points"] > currency.transfers_per_day:
        raise OverDailyLimit(field="points", limit=currency.transfers_per_day)


@in_transaction
def credit(owed: Sequence[Obligation], *, at: datetime.datetime, actor: Actor) -> None:
    """Credit transfers to those they were meant for, one lot per lot taken; where that is refused, owe them back to the giver.

    A batch is one statement, and safe to repeat: each lot's key follows from the transfer's. Raises NotCredited.
    """
    refused = _credit(owed, to=lambda one: one.payload["to_member"], way="", actor=actor)
    back = [
        Owed(member_id=one.member_id, key=one.key, payload=one.payload | {"because": "unknown_recipient"})
        for one in refused
    ]
    owe(back, topic=CREDIT_BACK)


@in_transaction
def credit_back(owed: Sequence[Obligation], *, at: datetime.datetime, actor: Actor) -> None:
    """Give transfers that nobody could take back to the giver, with their expiry, the cause saying why. Raises NotCredited."""
    if refused := _credit(owed, to=lambda one: one.member_id, way="back/", actor=actor):
        raise NotCredited(f"member {refused[0].member_id} can't take back what he gave: his membership is closed")


def credit_key(key: UUID | str, lot_number: int, *, way: str = "") -> UUID:
    """Return the key of the credit of one lot of a transfer, as the proof works it out in SQL too; `way` is "back/" or empty."""
    return UUID(hashlib.md5(f"{way}{key}/{lot_number}".encode(), usedforsecurity=False).hexdigest())


def _credit(owed: Sequence[Obligation], *, to: Callable[[Obligation], int], way: str, actor: Actor) -> list[Obligation]:
    """Post the lots of each obligation to a member; return the obligations refused as a whole since he can't take them."""
    postings, source = [], []
    for one in owed:
        because = f"/returned/{one.payload['because']}" if way else ""
        for lot, expires_on, points, *marks in one.payload["lots"]:
            last_day = datetime.date.fromisoformat(expires_on)
            source.append(one)
            postings.append(
                Posting(
                    member_id=to(one),
                    currency_id=one.payload["currency_id"],
                    key=credit_key(one.payload["transfer"], lot, way=way),
                    kind=Kind.TRANSFER,
                    points=points,
                    occurred_on=datetime.date.fromisoformat(one.payload["occurred_on"]),
                    expires_on=None if last_day == NEVER else last_day,
                    cause=f"transfer/{one.payload['transfer']}{because}",
                    figures={"from_member": one.member_id, "debit": one.payload["debit"], "lot": lot}
                    | dict.fromkeys(marks, True),
                )
            )
    refused: dict[UUID, Obligation] = {}
    for one, answer in zip(source, ledger.post(postings, actor=actor), strict=True):
        if answer.outcome == "unknown_purse":
            refused[one.pk] = one
        elif answer.outcome not in BOOKED or one.pk in refused:
            raise NotCredited(f"a lot of transfer {one} answered {answer.outcome}")
    return list(refused.values())
