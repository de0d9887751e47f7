"""Moving memberships from one state to another: the one way, for one and for a hundred thousand (docs/states.md)."""

import datetime
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.audit.recording import Change, record, record_each
from foundation.periods import day_of
from foundation.querying import statement
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.states import ACCEPT, Move, Reason

LONGEST_NOTE = 400
Moved = tuple[int, str, str]  # member, from, to


class IllegalMove(Refusal):
    code = "illegal_move"
    sentence = _("From the state that this membership is in, that can't be done.")


class ReasonUnfit(Refusal):
    code = "reason_unfit"
    status = 422
    sentence = _("Choose one of the reasons given for this.")


@in_transaction
def move(
    member_ids: Sequence[int],
    *,
    transition: Move,
    reason: str,
    at: datetime.datetime,
    actor: Actor,
    note: str = "",
    on: datetime.date | None = None,
    accepted_at: datetime.datetime | None = None,
) -> list[Moved]:
    """Move those of the members that stand where the transition leads from; return whom, from where and to where, by id.

    The move is of the date `on` (None: the day of `at`); the rest stays as it is. One statement for any number; one audit event a
    member by a person, one in all by a system. Refuses reason_unfit.
    """
    moved = apply(
        member_ids,
        transition=transition,
        reason=reason,
        note=note,
        on=on or day_of(at),
        at=at,
        actor=actor,
        accepted_at=accepted_at,
    )
    verb = f"members.{transition.code}"
    if actor.user:
        changes = [Change(subject_id=who, old={"state": before}, new={"state": after}) for who, before, after in moved]
        why = ": ".join(filter(None, (str(reason), note)))
        record_each(verb=verb, actor=actor, subject_kind="member", changes=changes, at=at, reason=why)
    elif moved:
        span = f"{moved[0][0]}-{moved[-1][0]}"
        new = {"members": len(moved), "state": str(transition.to), "reason": str(reason)}
        record(verb=verb, actor=actor, subject_kind="members", subject_id=span, at=at, new=new)
    return moved


@in_transaction
def apply(
    member_ids: Sequence[int],
    *,
    transition: Move,
    reason: str,
    on: datetime.date,
    actor: Actor,
    note: str = "",
    at: datetime.datetime | None = None,
    accepted_at: datetime.datetime | None = None,
) -> list[Moved]:
    """Do as `move` on the date `on`, for a verb whose own event tells of it: an approval, an enrolment."""
    if reason not in transition.reasons:
        raise ReasonUnfit(field="reason")
    arguments: dict[str, Any] = {
        "members": sorted(set(member_ids)),
        "origins": [str(origin) for origin in transition.origins],
        "status": str(transition.to),
        "on": on,
        "at": at,
        "reason": str(reason),
        "note": note[:LONGEST_NOTE],
        "actor": actor.user.pk if actor.user else None,
        "accepted_at": accepted_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("members", "move_members"), arguments)
        return sorted(cursor.fetchall())


@in_transaction
def move_one(
    member_id: int,
    *,
    transition: Move,
    reason: str,
    at: datetime.datetime,
    actor: Actor,
    note: str = "",
) -> None:
    """Move one member; refuses illegal_move where he does not stand where the transition leads from, and reason_unfit."""
    if not move([member_id], transition=transition, reason=reason, note=note, at=at, actor=actor):
        raise IllegalMove


@in_transaction
def accept(*, member_id: int, at: datetime.datetime, actor: Actor) -> bool:
    """Make an invited member an active one, who has accepted `at` the instant; tell whether he was invited until then.

    The events of what he agreed to, and of his enrolment, tell of it.
    """
    accepted = apply(
        [member_id], transition=ACCEPT, reason=Reason.ACCEPTED, on=day_of(at), at=at, accepted_at=at, actor=actor
    )
    return bool(accepted)
