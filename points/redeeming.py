"""Redeeming: a member uses points for something. A list is one batch, and a single redemption is a batch of one."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.audit.recording import Change, record_each
from foundation.identifiers import uuid7
from foundation.periods import day_of
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import spending
from points import ledger
from points.ledger import PointsOutOfRange, Posting
from points.models import Kind, Redemption

MOST_POINTS = 10**12
# Callers beside the systems, each with references of its own: a member by his own pages, the staff at a counter.
MEMBER, STAFF = "member", "staff"
# The space of the ledger's keys that are derived from a caller and his reference.
KEYS = uuid.UUID("6f1c8a52-3d0e-4b7a-9a51-7e2d4c9b8f10")
# The ledger's outcomes for a key that it knows: the wish came before, and its redemption says whether it is the same one.
KNOWN = {"conflict", "duplicate"}


class InsufficientPoints(Refusal):
    code = "insufficient_points"
    sentence = _("There are not enough points for this.")


class PurseFrozen(Refusal):
    code = "frozen"
    sentence = _("These points are frozen; they can't be used for now.")


class UnknownPurse(Refusal):
    code = "unknown_purse"
    sentence = _("There is no such member, or his membership is closed.")


class ReferenceReused(Refusal):
    code = "reference_reused"
    sentence = _("This reference stands for another redemption already.")


REFUSED: dict[str, type[Refusal]] = spending.REFUSED | {
    "insufficient": InsufficientPoints,
    "frozen": PurseFrozen,
    "unknown_purse": UnknownPurse,
    "conflict": ReferenceReused,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A redemption asked for: `points` (1 to 10¹²) of a member's purse, once per caller (`client 3`, `member`, `staff`) and reference.

    `for_member_id` is who redeems, where the purse is that of the head of his family (points.pooling).
    """

    member_id: int
    currency_id: int
    points: int
    caller: str
    reference: str
    purpose: str
    for_member_id: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What became of a wish: `done`, or `duplicate` of the redemption given; else a key of REFUSED, with nothing written."""

    outcome: str
    redemption: Redemption | None


@dataclasses.dataclass(frozen=True, slots=True)
class Redeemed:
    """A redemption that stands: made now, or (`came_before`) by the same wish before."""

    redemption: Redemption
    came_before: bool


@in_transaction
def redeem(
    *,
    member_id: int,
    currency_id: int,
    points: int,
    caller: str,
    reference: str,
    purpose: str,
    at: datetime.datetime,
    actor: Actor,
    for_member_id: int | None = None,
) -> Redeemed:
    """Redeem points at the instant `at`, on its day in the bank's zone.

    Refuses points_out_of_range, insufficient_points, frozen, unknown_purse, reference_reused, and what keeps the member from
    spending (members.spending).
    """
    wish = Wish(
        member_id=member_id,
        currency_id=currency_id,
        points=points,
        caller=caller,
        reference=reference,
        purpose=purpose,
        for_member_id=for_member_id,
    )
    [answer] = redeem_each([wish], at=at, actor=actor)
    if answer.redemption is None:
        raise REFUSED[answer.outcome]()
    return Redeemed(answer.redemption, came_before=answer.outcome == "duplicate")


@in_transaction
def redeem_each(wishes: Sequence[Wish], *, at: datetime.datetime, actor: Actor) -> list[Answer]:
    """Redeem a list, and answer wish by wish, in order; a wish that can't be met spoils no other.

    Three statements at most beside the ledger's, for one and for many. Refuses points_out_of_range with the whole list, and
    reference_reused where points are held under a reference. What a person redeems is one audit event each; what a system does,
    the redemptions and their entries remember.
    """
    if not all(1 <= wish.points <= MOST_POINTS for wish in wishes):
        raise PointsOutOfRange(field="points")
    new = [asked_for(wish, at) for wish in wishes]
    posted = ledger.post([_posting(redemption, at) for redemption in new], actor=actor)
    made, again = [], []
    for redemption, entry in zip(new, posted, strict=True):
        if entry.outcome == "posted":
            redemption.entry_number = entry.number or 0
            made.append(redemption)
        elif entry.outcome in KNOWN:
            again.append(redemption)
    keep(made)
    if actor.user:
        record_each(
            verb="points.redeem",
            actor=actor,
            subject_kind="redemption",
            changes=[Change(subject_id=redemption.pk, new=_told(redemption)) for redemption in made],
            at=at,
        )
    before = standing(again)
    return [
        Answer("done", redemption) if entry.outcome == "posted" else answer_again(redemption, entry.outcome, before)
        for redemption, entry in zip(new, posted, strict=True)
    ]


def keep(made: Sequence[Redemption]) -> None:
    """Write redemptions whose points are taken or held; refuses reference_reused where one stands that was asked for the other way."""
    try:
        Redemption.objects.bulk_create(made)
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if constraint != "redemption_once_per_reference":
            raise
        raise ReferenceReused(field="reference") from error


def key_of(redemption: Redemption) -> uuid.UUID:
    """Return the ledger's key of a redemption, or of its hold: derived from caller, whom another pays for, and reference."""
    pooled = f" for {redemption.for_member_id}" if redemption.for_member_id else ""
    return uuid.uuid5(KEYS, f"{redemption.caller}{pooled}/{redemption.reference}")


def _told(redemption: Redemption) -> dict[str, Any]:
    """Return what the audit trail keeps of a redemption."""
    told = {"member": redemption.member_id, "points": redemption.points, "purpose": redemption.purpose}
    return told | ({"for_member": redemption.for_member_id} if redemption.for_member_id else {})


def asked_for(wish: Wish, at: datetime.datetime) -> Redemption:
    """Return the redemption that a wish would make at an instant, not written yet."""
    return Redemption(id=uuid7(at), redeemed_at=at, **{name: getattr(wish, name) for name in Wish.__slots__})


def _posting(redemption: Redemption, at: datetime.datetime) -> Posting:
    return Posting(
        member_id=redemption.member_id,
        currency_id=redemption.currency_id,
        key=key_of(redemption),
        kind=Kind.REDEEM,
        points=-redemption.points,
        occurred_on=day_of(at),
        cause=redemption.cause,
        figures={"for_member": redemption.for_member_id} if redemption.for_member_id else None,
    )


Identity = tuple[int, int, str, str, int | None]


def standing(again: Sequence[Redemption]) -> dict[Identity, Redemption]:
    """Return the redemptions that stand under the references of `again`, by what makes them one."""
    if not again:
        return {}
    found = Redemption.objects.under(
        member_ids=[one.member_id for one in again], references=[one.reference for one in again]
    )
    return {_identity(one): one for one in found}


def _identity(redemption: Redemption) -> Identity:
    own = redemption.member_id, redemption.currency_id, redemption.caller, redemption.reference
    return *own, redemption.for_member_id


def answer_again(wished: Redemption, outcome: str, before: dict[Identity, Redemption]) -> Answer:
    """Answer a wish that was not met: with the redemption that met it before, where there is one just like it."""
    first = before.get(_identity(wished))
    if outcome in KNOWN and first and (first.points, first.hold_key) == (wished.points, wished.hold_key):
        return Answer("duplicate", first)
    return Answer("conflict" if outcome in KNOWN else outcome, None)
