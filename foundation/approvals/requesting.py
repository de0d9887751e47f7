"""Asking for a verb that another person decides on, and taking the request back."""

import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from foundation.access import visibility
from foundation.access.models import Branch, User
from foundation.actors import Actor
from foundation.approvals.digesting import digest_of
from foundation.approvals.kinds import Kind, Payload, kind_of
from foundation.approvals.models import Request, Target, employee_number_of
from foundation.audit.recording import record
from foundation.masking import HIDDEN
from foundation.periods import day_of
from foundation.querying import copy_rows
from foundation.refusals import Refusal
from foundation.transactions import in_transaction


class NoEmployeeNumber(Refusal):
    code = "no_employee_number"
    status = 403
    sentence = _("Only a member of staff with an employee number can do this.")


class MayNotRequest(Refusal):
    code = "may_not_request"
    status = 403
    sentence = _("Your postings don't let you ask for this in that branch.")


class ReasonMissing(Refusal):
    code = "reason_missing"
    status = 422
    sentence = _("Say why, in 400 characters at most.")


class AlreadyRequested(Refusal):
    code = "already_requested"
    sentence = _("The same has been asked for before, and waits or was approved.")


class RequestIdTaken(Refusal):
    code = "request_id_taken"
    sentence = _("This request was sent before with another content. Open the form anew.")


class NoSuchRequest(Refusal):
    code = "no_such_request"
    status = 404
    sentence = _("There is no such request here.")


class NotYours(Refusal):
    code = "not_yours"
    status = 403
    sentence = _("Only who asked can take a request back.")


class AlreadyDecided(Refusal):
    code = "already_decided"
    sentence = _("This request has been decided already.")


class Withdrawn(Refusal):
    code = "withdrawn"
    sentence = _("This request was taken back.")


class Expired(Refusal):
    code = "expired"
    sentence = _("This request has expired; it must be made anew.")


class Stale(Refusal):
    code = "stale"
    sentence = _("What this request is about has changed since; it must be made anew.")


LONGEST_REASON = 400
SETTLED: dict[str, type[Refusal]] = {
    Request.Status.APPROVED: AlreadyDecided,
    Request.Status.REJECTED: AlreadyDecided,
    Request.Status.WITHDRAWN: Withdrawn,
    Request.Status.EXPIRED: Expired,
    Request.Status.STALE: Stale,
}


def worded(text: str, *, field: str = "reason") -> str:
    """Return a reason without hidden characters and blanks around it; refuses one that is too long."""
    text = " ".join(HIDDEN.sub(" ", text).split())
    if len(text) > LONGEST_REASON:
        raise ReasonMissing(field=field)
    return text


def person(actor: Actor) -> tuple[User, str]:
    """Return the user who acts and his employee number; refuses no_employee_number, also to the system."""
    number = employee_number_of(actor.user) if actor.user else ""
    if actor.user is None or not actor.user.is_active or not number:
        raise NoEmployeeNumber
    return actor.user, number


@in_transaction
def request(
    *,
    id: UUID,
    kind: str,
    payload: Payload,
    branch: Branch,
    reason: str,
    content_key: str = "",
    actor: Actor,
    at: datetime.datetime,
) -> Request:
    """Ask for a registered verb, with a payload that is frozen from now on, in the branch whose people may decide.

    `id` is the caller's: the same request again returns the first. `content_key` says what must not be asked for twice (empty:
    nothing). Refuses no_employee_number, may_not_request, reason_missing, request_id_taken, already_requested.
    """
    user, number = person(actor)
    known = kind_of(kind)
    paths = visibility.paths(user, permission=known.permission_to_request, on=day_of(at))
    if not any(branch.path.startswith(path) for path in paths):
        raise MayNotRequest
    reason = worded(reason)
    if not reason:
        raise ReasonMissing(field="reason")
    digest = digest_of(payload)
    if first := Request.objects.filter(pk=id).first():
        return _first(first, made_of=(digest, user.pk, kind))
    with connection.cursor() as cursor:
        # No decision of the kind is half done while the targets are read.
        cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtext('approvals'), hashtext(%s))", [kind])
    aims = known.targets(payload)
    made = Request(
        id=id,
        kind=kind,
        payload=payload,
        payload_hash=digest,
        content_key=content_key or id.hex,
        requested_by=user,
        employee_number=number,
        branch=branch,
        reason=reason,
        amount=sum(aim.amount for aim in aims),
        worth_minor=known.worth(payload),
        own_account=known.credits(payload, user),
        requested_at=at,
        expires_at=at + datetime.timedelta(days=known.open_days),
    )
    if not _insert(made):
        return _first(Request.objects.get(pk=id), made_of=(digest, user.pk, kind))
    earlier = Target.objects.approved(kind).filter(subject__in=[aim.subject for aim in aims]).per_subject()
    with connection.cursor() as cursor:
        copy_rows(
            cursor,
            table="approvals_target",
            columns=["request_id", "subject", "version", "earlier", "amount"],
            rows=((id, aim.subject, aim.version, earlier.get(aim.subject, 0), aim.amount) for aim in aims),
        )
    record(verb="approvals.request", actor=actor, subject_kind="request", subject_id=id, at=at, new=_kept(made, known))
    return made


def _first(first: Request, *, made_of: tuple[str, int, str]) -> Request:
    """Return the request that was made first under an id, if it is the same."""
    if (first.payload_hash, first.requested_by_id, first.kind) != made_of:
        raise RequestIdTaken
    return first


def _insert(made: Request) -> bool:
    """Insert a request; False where its id was taken at this very moment. The same content is a refusal."""
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError as error:
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
        if name == "one_live_request_per_content":
            raise AlreadyRequested from error
        if name.endswith("_pkey"):
            return False
        raise
    return True


def _kept(made: Request, known: Kind) -> dict[str, Any]:
    return {
        "kind": known.code,
        "payload_hash": made.payload_hash,
        "branch": made.branch.code,
        "reason": made.reason,
        "amount": made.amount,
        "own_account": made.own_account,
    }


@in_transaction
def again(*, request_id: UUID, id: UUID, actor: Actor, at: datetime.datetime) -> Request:
    """Ask anew, under the new `id`, for what an own request asked for that came to nothing; its targets are read as they are now.

    Refuses no_such_request, not_yours, already_requested for one that waits or was approved, and what `request` refuses.
    """
    user, number = person(actor)
    first = Request.objects.visible_to(user, on=day_of(at)).select_related("branch").filter(pk=request_id).first()
    if first is None:
        raise NoSuchRequest
    if number != first.employee_number:
        raise NotYours
    if first.status in (Request.Status.PENDING, Request.Status.APPROVED):
        raise AlreadyRequested
    return request(
        id=id,
        kind=first.kind,
        payload=first.payload,
        branch=first.branch,
        reason=first.reason,
        content_key="" if first.content_key == first.pk.hex else first.content_key,
        actor=actor,
        at=at,
    )


@in_transaction
def withdraw(*, request_id: UUID, actor: Actor, at: datetime.datetime) -> Request:
    """Take a waiting request back; only its maker can, by any account of his.

    Refuses no_such_request, not_yours, and what has been settled meanwhile: already_decided, withdrawn, expired, stale.
    """
    user, number = person(actor)
    made = Request.objects.visible_to(user, on=day_of(at)).filter(pk=request_id).defer("payload").first()
    if made is None:
        raise NoSuchRequest
    if user.pk != made.requested_by_id and number != made.employee_number:
        raise NotYours
    settle(made, status=Request.Status.WITHDRAWN, at=at)
    record(verb="approvals.withdraw", actor=actor, subject_kind="request", subject_id=request_id, at=at)
    return made


@in_transaction
def settle(made: Request, *, status: Request.Status, at: datetime.datetime) -> None:
    """Move a waiting request to its last status; refuses, by what it is now, one that waits no more."""
    waiting = Request.objects.filter(pk=made.pk, status=Request.Status.PENDING)
    if not waiting.update(status=status, settled_at=at):
        now = Request.objects.values_list("status", flat=True).get(pk=made.pk)
        raise SETTLED[now]
    made.status, made.settled_at = status, at
