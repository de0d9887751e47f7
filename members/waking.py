"""Falling asleep and waking: who has long done nothing of his own is dormant, and his next act wakes him (docs/states.md).

Who was woken and has a new contact, both lately, cools off: nothing is spent until then, unless the bank has looked at it.
"""

import datetime
from collections.abc import Sequence

from django.conf import settings
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from foundation.access.models import User
from foundation.actors import Actor
from foundation.approvals.requesting import ReasonMissing, worded
from foundation.audit.recording import record
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import moving
from members.models import Member
from members.moving import Moved
from members.states import DOZE, WAKE, Reason, State

# Who may say that a member cools off no longer: who may suspend him.
MAY_RELEASE = "members.suspend_member"


class NotCoolingOff(Refusal):
    code = "not_cooling_off"
    sentence = _("This membership is not held back after a change of contact.")


def lasts() -> datetime.timedelta:
    """Return how long a waking and a new contact are remembered, and how long nothing is spent after both."""
    return datetime.timedelta(hours=settings.COOLING_OFF_HOURS)


@in_transaction
def doze(member_ids: Sequence[int], *, on: datetime.date, at: datetime.datetime, actor: Actor) -> list[Moved]:
    """Let active members fall asleep on the date `on`; return whom. What he was is kept; earning goes on."""
    return moving.move(member_ids, transition=DOZE, reason=Reason.INACTIVE, on=on, at=at, actor=actor)


@in_transaction
def wake(
    member_ids: Sequence[int],
    *,
    reason: str,
    at: datetime.datetime,
    actor: Actor,
    on: datetime.date | None = None,
) -> list[Moved]:
    """Wake those of the members who are dormant, on the date `on` (None: the day of `at`); return whom.

    Whose contact changed lately cools off from now on.
    """
    woken = moving.move(member_ids, transition=WAKE, reason=reason, on=on, at=at, actor=actor)
    if woken:
        _cool_off(Member.objects.filter(pk__in=[who for who, _before, _after in woken]), at=at)
    return woken


@in_transaction
def wake_by_visit(*, member: Member, at: datetime.datetime, actor: Actor) -> None:
    """Wake a dormant member who has come by himself, to his pages or his app."""
    if member.status == State.DORMANT and wake([member.pk], reason=Reason.VISIT, at=at, actor=actor):
        member.refresh_from_db(fields=["status", "woken_at", "cools_off_until"])


@in_transaction
def wake_at_counter(*, member: Member, at: datetime.datetime, actor: Actor) -> None:
    """Wake a dormant member who stands at the counter with his document; refuses illegal_move where he is not dormant."""
    if not wake([member.pk], reason=Reason.COUNTER, at=at, actor=actor):
        raise moving.IllegalMove


@in_transaction
def note_new_contacts(member_ids: Sequence[int], *, at: datetime.datetime, actor: Actor) -> None:
    """Note that the members' phone number or mail address has changed: who was woken lately cools off from now on, and what is
    worth something asks for a proof again (foundation/access/stepping_up.py)."""
    if member_ids:
        changed = Member.objects.filter(pk__in=member_ids)
        changed.update(contact_changed_at=at)
        User.objects.filter(member__in=member_ids).update(secured_at=at)
        _cool_off(changed, at=at)


@in_transaction
def release(*, member: Member, reason: str, at: datetime.datetime, actor: Actor) -> None:
    """Let a member spend at once, whose new contact the bank has confirmed. Refuses reason_missing, not_cooling_off."""
    reason = worded(reason)
    if not reason:
        raise ReasonMissing(field="reason")
    if not Member.objects.filter(pk=member.pk, cools_off_until__isnull=False).update(cools_off_until=None):
        raise NotCoolingOff
    record(verb="waking.release", actor=actor, subject_kind="member", subject_id=member.pk, at=at, reason=reason)


@in_transaction
def end_cooling_off(*, at: datetime.datetime) -> int:
    """Let those spend again whose time is over `at` the instant; return how many. One statement."""
    return Member.objects.filter(cools_off_until__lte=at).update(cools_off_until=None)


def _cool_off(members: QuerySet[Member], *, at: datetime.datetime) -> None:
    lately = members.filter(woken_at__gt=at - lasts(), contact_changed_at__gt=at - lasts()).exclude(status=State.CLOSED)
    lately.update(cools_off_until=F("contact_changed_at") + lasts())
