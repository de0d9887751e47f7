"""Recording what was done."""

import dataclasses
import datetime
from collections.abc import Iterable
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """What one verb did to one of its subjects."""

    subject_id: object
    old: dict[str, Any] | None = None
    new: dict[str, Any] | None = None


@in_transaction
def record_each(
    *, verb: str, actor: Actor, subject_kind: str, changes: Iterable[Change], at: datetime.datetime, reason: str = ""
) -> None:
    """Write one audit event a subject, a thousand a statement: a verb by a person that changes many leaves its trail at each."""
    AuditEvent.objects.bulk_create(
        [
            _event(verb, actor, subject_kind, one.subject_id, at=at, old=one.old, new=one.new, reason=reason)
            for one in changes
        ],
        batch_size=1_000,
    )
