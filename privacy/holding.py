"""Legal holds: a member's data, or a whole class, is kept whatever its term; neither erasure nor destruction touches it."""

import datetime

from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.approvals.requesting import ReasonMissing, person, worded
from foundation.audit.recording import record
from foundation.periods import day_of
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.models import Member
from privacy import erasing
from privacy.exporting import MemberErased
from privacy.keeping import LegalHold

HOLD = "privacy.hold"


class EndsBeforeToday(Refusal):
    code = "hold_ends_before_today"
    sentence = _("A hold ends today or later.")


class NotHeld(Refusal):
    code = "hold_not_standing"
    sentence = _("This hold has been lifted already.")


@in_transaction
def place(
    *,
    member: Member | None = None,
    data_class: str = "",
    reason: str,
    until: datetime.date | None,
    actor: Actor,
    at: datetime.datetime,
) -> LegalHold:
    """Hold a member's data, or a class, from today until a date (inclusive; None: until it is lifted).

    Refuses reason_missing, hold_ends_before_today, member_erased, no_employee_number.
    """
    user, _number = person(actor)
    reason = worded(reason)
    if not reason:
        raise ReasonMissing(field="reason")
    if until and until < day_of(at):
        raise EndsBeforeToday(field="until")
    if member:
        # Locked as an erasure locks him: it is over, or it finds the hold.
        Member.objects.select_for_update().get(pk=member.pk)
        if erasing.is_erased(member.pk):
            raise MemberErased
    held = LegalHold.objects.create(
        member=member,
        data_class=data_class,
        reason=reason,
        starts_on=day_of(at),
        until=until,
        placed_by=user,
        placed_at=at,
    )
    _record("privacy.hold", held, actor, at, reason=reason)
    return held


@in_transaction
def lift(*, hold: LegalHold, reason: str, actor: Actor, at: datetime.datetime) -> None:
    """Lift a hold before its end, saying why. Refuses reason_missing, not_held, no_employee_number."""
    person(actor)
    reason = worded(reason)
    if not reason:
        raise ReasonMissing(field="reason")
    if not LegalHold.objects.filter(pk=hold.pk, lifted_at=None).update(lifted_at=at):
        raise NotHeld
    _record("privacy.lift_hold", hold, actor, at, reason=reason)


def _record(verb: str, held: LegalHold, actor: Actor, at: datetime.datetime, *, reason: str) -> None:
    new = {"member": held.member_id, "data_class": held.data_class, "until": f"{held.until or ''}"}
    record(verb=verb, actor=actor, subject_kind="legal_hold", subject_id=held.pk, at=at, new=new, reason=reason)
