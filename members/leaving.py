"""Leaving: a member closes his membership himself, with a day to think it over; or the bank closes it (docs/states.md)."""

import datetime

from django.utils.translation import gettext_lazy as _

from foundation.access.models import User
from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import moving
from members.models import Member
from members.states import CLOSE, LEAVE, Reason, State

MAY_CLOSE = "members.close_member"
# So long he can think better of it.
THINKING = datetime.timedelta(hours=24)
# So many memberships end in one transaction.
AT_ONCE = 1_000


class AlreadyLeaving(Refusal):
    code = "already_leaving"
    sentence = _("You have asked for this already. Until it is closed you can stay.")


class NotLeaving(Refusal):
    code = "not_leaving"
    sentence = _("This membership is not about to be closed.")


@in_transaction
def ask_to_leave(*, member: Member, at: datetime.datetime, actor: Actor) -> datetime.datetime:
    """Note that the member wants to close his membership; return when it closes. Refuses illegal_move, already_leaving."""
    locked = Member.objects.select_for_update(no_key=True).get(pk=member.pk)
    if locked.state not in LEAVE.origins:
        raise moving.IllegalMove
    if locked.leaves_at:
        raise AlreadyLeaving
    leaves_at = at + THINKING
    Member.objects.filter(pk=member.pk).update(leaves_at=leaves_at)
    new = {"leaves_at": leaves_at.isoformat()}
    record(verb="leaving.ask_to_leave", actor=actor, subject_kind="member", subject_id=member.pk, at=at, new=new)
    return leaves_at


@in_transaction
def stay(*, member: Member, at: datetime.datetime, actor: Actor) -> None:
    """Take back that the member wants to leave, until his membership is closed; refuses not_leaving."""
    still = Member.objects.filter(pk=member.pk, leaves_at__isnull=False).exclude(status=State.CLOSED)
    if not still.update(leaves_at=None):
        raise NotLeaving
    record(verb="leaving.stay", actor=actor, subject_kind="member", subject_id=member.pk, at=at)


@in_transaction
def close(*, member: Member, reason: str, note: str, at: datetime.datetime, actor: Actor) -> None:
    """Close a membership at once, and its sign-in: its purses take nothing any more. Refuses illegal_move, reason_unfit."""
    moving.move_one(member.pk, transition=CLOSE, reason=reason, note=note, at=at, actor=actor)
    _end_sign_in([member.pk])


@in_transaction
def close_due(*, at: datetime.datetime, actor: Actor) -> int:
    """Close up to AT_ONCE memberships whose members wanted it and have thought it over `at` the instant; return how many.

    Who has been suspended meanwhile stays, and what he asked for is forgotten. Constant statements, however many.
    """
    due = list(
        Member.objects.filter(leaves_at__lte=at).order_by("leaves_at", "pk").values_list("pk", flat=True)[:AT_ONCE]
    )
    if not due:
        return 0
    closed = moving.move(due, transition=LEAVE, reason=Reason.WISH, at=at, actor=actor)
    Member.objects.filter(pk__in=due, leaves_at__lte=at).update(leaves_at=None)
    _end_sign_in([who for who, _before, _after in closed])
    return len(due)


def _end_sign_in(member_ids: list[int]) -> None:
    User.objects.filter(member__in=member_ids, is_staff=False).update(is_active=False)
