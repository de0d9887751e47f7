"""Revealing who a member is: in clear, to one person, for a minute, with a reason; the audit event is the permission to look."""

import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from foundation.access.models import User
from foundation.actors import Actor
from foundation.approvals.requesting import ReasonMissing, person, worded
from foundation.audit.models import AuditEvent
from foundation.audit.recording import record
from foundation.periods import day_of, first_instant
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.models import Member
from members.sealing import PersonalData, open_person

REVEAL = "members.reveal_person"
VERB = "members.reveal"
SECONDS = 60
LEAST_REASON = 5
log = structlog.get_logger(__name__)


class TooManyReveals(Refusal):
    code = "too_many_reveals"
    status = 429
    sentence = _("You have looked at %(most)s people today; more is not allowed, and compliance sees it.")


@in_transaction
def reveal(*, member: Member, reason: str, actor: Actor, at: datetime.datetime) -> AuditEvent:
    """Let the actor see a member's personal data in clear for SECONDS from `at`; the event says who looked, why and from where.

    Refuses no_employee_number, reason_missing (five signs at least), too_many_reveals above the day's limit.
    """
    user, _number = person(actor)
    reason = worded(reason)
    if len(reason) < LEAST_REASON:
        raise ReasonMissing(field="reason")
    # Two looks at once can't both be the last of the day.
    User.objects.select_for_update().get(pk=user.pk)
    looked = looks_of_day(user, at=at)
    if looked >= settings.PII_REVEALS_A_DAY:
        log.warning("too_many_reveals", user=user.pk, looks=looked)
        raise TooManyReveals(most=settings.PII_REVEALS_A_DAY)
    return record(verb=VERB, actor=actor, subject_kind="member", subject_id=member.pk, at=at, reason=reason)


@in_transaction
def keep_refusal(*, member: Member, reason: str, actor: Actor, at: datetime.datetime) -> AuditEvent:
    """Leave a trace of a look above the day's limit, whose own transaction came to nothing."""
    return record(
        verb=f"{VERB}_refused", actor=actor, subject_kind="member", subject_id=member.pk, at=at, reason=worded(reason)
    )


def looks_of_day(user: User, *, at: datetime.datetime) -> int:
    """Return at how many members' data the user has looked since midnight in the bank's zone."""
    return AuditEvent.objects.filter(actor=user, at__gte=first_instant(day_of(at)), verb=VERB).count()


def revealed(*, look: UUID, member: Member, user: User, at: datetime.datetime) -> tuple[PersonalData, int] | None:
    """Return the member's personal data and for how many seconds more; None where the user has no such look, or it is over."""
    events = AuditEvent.objects.filter(pk=look, verb=VERB, actor=user, subject_kind="member", subject_id=str(member.pk))
    began = events.values_list("at", flat=True).first()
    if began is None or not began <= at < began + datetime.timedelta(seconds=SECONDS):
        return None
    return open_person(member.person), SECONDS - int((at - began).total_seconds())
