"""Deciding on a request: by another person, inside his branch and limit, on what stands as it was; then once, exactly."""

import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from foundation.access import limits, visibility
from foundation.access.models import User
from foundation.actors import Actor
from foundation.approvals.digesting import digest_of
from foundation.approvals.kinds import Kind, kind_of
from foundation.approvals.models import Decision, Request, Target, employee_number_of
from foundation.approvals.requesting import (
    SETTLED,
    AlreadyDecided,
    Expired,
    NoSuchRequest,
    ReasonMissing,
    Stale,
    person,
    settle,
    worded,
)
from foundation.audit.recording import record
from foundation.periods import day_of
from foundation.refusals import Refusal
from foundation.transactions import in_transaction


class OwnRequest(Refusal):
    code = "own_request"
    status = 403
    sentence = _("Nobody decides on his own request, by whichever account.")


class OwnAccount(Refusal):
    code = "own_account"
    status = 403
    sentence = _("Nobody decides on a request that credits himself or somebody he lives with.")


class MayNotDecide(Refusal):
    code = "may_not_decide"
    status = 403
    sentence = _("Your postings don't let you decide on this.")


class OverLimit(Refusal):
    code = "over_limit"
    status = 403
    sentence = _("This is above what you may decide, at once or in a day; somebody with a higher limit must.")


class PayloadChanged(Refusal):
    code = "payload_changed"
    sentence = _("The request is not what was asked for or shown to you. Nothing was done; open it anew.")


# What the database refuses, should anything get so far.
REFUSED: dict[str, type[Refusal]] = {
    "one_decision_per_request": AlreadyDecided,
    "decision_by_another_employee": OwnRequest,
    "decision_on_a_waiting_request": AlreadyDecided,
    "decision_of_a_request_as_it_was_made": PayloadChanged,
    "rejection_says_why": ReasonMissing,
}


@in_transaction
def approve(*, request_id: UUID, seen_hash: str, comment: str = "", actor: Actor, at: datetime.datetime) -> Decision:
    """Approve a request and do what it asks for, exactly and once, in this transaction; `seen_hash` is the payload that was read.

    Refuses no_such_request, own_request, may_not_decide, own_account, over_limit, payload_changed, stale, what has been settled
    (already_decided, withdrawn, expired), and whatever the verb refuses; then nothing of it has happened.
    """
    user, made, known = _to_decide(request_id, actor=actor, at=at)
    if known.credits(made.payload, user):
        raise OwnAccount
    if not seen_hash == made.payload_hash == digest_of(made.payload):
        raise PayloadChanged
    if not within_limit(user, made, at=at):
        raise OverLimit
    versions = dict(made.targets.values_list("subject", "version"))
    if is_stale(made, known, versions=versions):
        raise Stale
    result = known.verb(
        payload=made.payload, request_id=made.pk, reason=made.reason, versions=versions, actor=actor, as_of=day_of(at)
    )
    return _decide(made, user, outcome=Decision.Outcome.APPROVED, comment=comment, result=result, actor=actor, at=at)


@in_transaction
def reject(*, request_id: UUID, comment: str, actor: Actor, at: datetime.datetime) -> Decision:
    """Reject a request, saying why. Refuses as `approve` does, limits, own accounts and stale targets apart; reason_missing."""
    user, made, _known = _to_decide(request_id, actor=actor, at=at)
    if not worded(comment, field="comment"):
        raise ReasonMissing(field="comment")
    return _decide(made, user, outcome=Decision.Outcome.REJECTED, comment=comment, result=None, actor=actor, at=at)


@in_transaction
def set_aside(*, request_id: UUID, actor: Actor, at: datetime.datetime) -> bool:
    """Mark a waiting request as out of date where its targets have changed; tell whether they had. Nobody needs a right for it."""
    made = Request.objects.select_for_update().filter(pk=request_id, status=Request.Status.PENDING).first()
    if made is None or not is_stale(
        made, kind_of(made.kind), versions=dict(made.targets.values_list("subject", "version"))
    ):
        return False
    settle(made, status=Request.Status.STALE, at=at)
    record(verb="approvals.set_aside", actor=actor, subject_kind="request", subject_id=made.pk, at=at)
    return True


def _to_decide(request_id: UUID, *, actor: Actor, at: datetime.datetime) -> tuple[User, Request, Kind]:
    """Return the decider, the request, locked, and its kind, once he may decide on it."""
    user, number = person(actor)
    seen = Request.objects.visible_to(user, on=day_of(at)).filter(pk=request_id)
    code = seen.values_list("kind", flat=True).first()
    if code is None:
        raise NoSuchRequest
    with connection.cursor() as cursor:
        # Decisions of a kind wait for each other: two that fit a day's limit each might not fit together.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('approvals'), hashtext(%s))", [code])
    made = Request.objects.select_for_update(of=("self",)).select_related("branch").get(pk=request_id)
    if made.status != Request.Status.PENDING:
        raise SETTLED[made.status]
    if made.expires_at <= at:
        raise Expired
    if user.pk == made.requested_by_id or number == made.employee_number:
        raise OwnRequest
    known = kind_of(code)
    if not limits_in(user, made, on=day_of(at)):
        raise MayNotDecide
    return user, made, known


def limits_in(user: User, made: Request, *, on: datetime.date) -> list[limits.Limit]:
    """Return the limits of the user's postings that hold that day and reach the request's branch; a superuser has none."""
    permission = kind_of(made.kind).permission_to_decide
    giving = visibility.roles_in(user, permission=permission, path=made.branch.path, on=on)
    return limits.limits_of(kind=made.kind, roles=giving)


def within_limit(user: User, made: Request, *, at: datetime.datetime) -> bool:
    """Tell whether a posting of the user covers the request, alone and with what was approved that day."""
    held = limits_in(user, made, on=day_of(at))
    if any(limit.covers(amount=made.amount, day_amount=0) and limit.a_day is None for limit in held):
        return True
    day_amount = amount_of_day(made, at=at)
    return any(limit.covers(amount=made.amount, day_amount=day_amount) for limit in held)


def amount_of_day(made: Request, *, at: datetime.datetime) -> int:
    """Return what the day comes to with this request: for its requester, or for one of its targets, whichever is more.

    Who cuts a large sum into small requests, or has several people ask for one member, gains nothing by it.
    """
    begin = timezone.localtime(at, timezone.get_default_timezone()).replace(hour=0, minute=0, second=0, microsecond=0)
    end = begin + datetime.timedelta(days=1)
    of_day = Request.objects.filter(
        kind=made.kind, status=Request.Status.APPROVED, settled_at__gte=begin, settled_at__lt=end
    )
    by_person = of_day.filter(employee_number=made.employee_number).aggregate(sum=Sum("amount"))["sum"] or 0
    own = dict(made.targets.values_list("subject", "amount"))
    earlier = Target.objects.filter(request__in=of_day, subject__in=made.targets.values("subject"))
    sums = earlier.values_list("subject").annotate(sum=Sum("amount")).order_by("subject")
    on_target = max((own[subject] + amount for subject, amount in sums), default=0)
    return max(by_person + made.amount, on_target)


def is_stale(made: Request, known: Kind, *, versions: dict[str, str]) -> bool:
    """Tell whether a target has another version than the requester saw, or was changed by another request since."""
    if {aim.subject: aim.version for aim in known.targets(made.payload)} != versions:
        return True
    seen = {subject: earlier for subject, earlier in made.targets.values_list("subject", "earlier") if earlier}
    own = made.targets.values("subject")
    return Target.objects.approved(made.kind).filter(subject__in=own).per_subject() != seen


def _decide(
    made: Request,
    user: User,
    *,
    outcome: Decision.Outcome,
    comment: str,
    result: dict[str, Any] | None,
    actor: Actor,
    at: datetime.datetime,
) -> Decision:
    """Write the decision, settle the request by it, and leave the trail."""
    decision = Decision(
        request=made,
        requested_by_id=made.requested_by_id,
        requester_number=made.employee_number,
        payload_hash=made.payload_hash,
        decided_by=user,
        employee_number=employee_number_of(user),
        outcome=outcome,
        comment=worded(comment, field="comment"),
        decided_at=at,
        result=result,
    )
    try:
        with transaction.atomic():
            decision.save(force_insert=True)
    except IntegrityError as error:
        refusal = REFUSED.get(getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or "")
        if refusal is None:
            raise
        raise refusal from error
    settle(made, status=Request.Status(outcome.value), at=at)
    record(
        verb="approvals.approve" if outcome == Decision.Outcome.APPROVED else "approvals.reject",
        actor=actor,
        subject_kind="request",
        subject_id=made.pk,
        at=at,
        new={"payload_hash": made.payload_hash, "amount": made.amount, "result": result},
        reason=decision.comment,
    )
    return decision
