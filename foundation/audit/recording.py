"""Recording what was done."""

import datetime
from collections.abc import Mapping
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
    event = _event(verb, actor, subject_kind, subject_id, at=at, old=old, new=new, reason=reason)
    event.save(force_insert=True)
    return event


@in_transaction
def record_each(
    *,
    verb: str,
    actor: Actor,
    subject_kind: str,
    subjects: Mapping[object, dict[str, Any]],
    at: datetime.datetime,
    old: dict[str, Any] | None = None,
) -> None:
    """Write one audit event per subject of a set-based verb by a person, in one statement, each with what is new of it."""
    AuditEvent.objects.bulk_create(
        _event(verb, actor, subject_kind, subject_id, at=at, old=old, new=new, reason="")
        for subject_id, new in subjects.items()
    )


def _event(verb: str, actor: Actor, subject_kind: str, subject_id: object, **said: Any) -> AuditEvent:
    return AuditEvent(
        verb=verb,
        actor=actor.user,
        system=actor.system,
        subject_kind=subject_kind,
        subject_id=str(subject_id),
        address=actor.address,
        request_id=actor.request_id,
        **said,
    )
