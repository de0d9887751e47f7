"""Recording what was done."""

import datetime
from typing import Any

from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.transactions import in_transaction


@in_transaction
def record(
    *,
    verb: str,
    actor: Actor,
    subject_kind: str,
    subject_id: object,
    at: datetime.datetime,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Write one audit event in the verb's own transaction; `old` and `new` hold no personal data."""
    return AuditEvent.objects.create(
        at=at,
        verb=verb,
        actor=actor.user,
        system=actor.system,
        subject_kind=subject_kind,
        subject_id=str(subject_id),
        old=old,
        new=new,
        reason=reason,
        address=actor.address,
        request_id=actor.request_id,
    )
