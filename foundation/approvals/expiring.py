"""Letting requests expire that nobody decided on."""

import datetime

from foundation.actors import Actor
from foundation.approvals.models import Request
from foundation.audit.recording import record
from foundation.transactions import in_transaction

AT_ONCE = 500


@in_transaction
def expire(*, actor: Actor, at: datetime.datetime) -> int:
    """Expire the waiting requests whose time is over, AT_ONCE at most, and return how many; one that is being decided is let be."""
    over = Request.objects.filter(status=Request.Status.PENDING, expires_at__lte=at).order_by("requested_at", "id")
    ids = list(over.select_for_update(skip_locked=True).values_list("pk", flat=True)[:AT_ONCE])
    if ids:
        Request.objects.filter(pk__in=ids).update(status=Request.Status.EXPIRED, settled_at=at)
        expired = [str(pk) for pk in ids]
        record(
            verb="approvals.expire",
            actor=actor,
            subject_kind="requests",
            subject_id=len(ids),
            at=at,
            new={"expired": expired},
        )
    return len(ids)
