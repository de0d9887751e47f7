"""Searching the trail: by actor, verb, subject and dates, each served by an index; nothing is counted."""

import datetime

from django.db.models import Q, QuerySet

from foundation.access.models import User
from foundation.audit.models import AuditEvent
from foundation.periods import first_instant

DAY = datetime.timedelta(days=1)


def search(
    *,
    actor: str = "",
    verb: str = "",
    subject_kind: str = "",
    subject_id: str = "",
    first: datetime.date | None = None,
    last: datetime.date | None = None,
) -> QuerySet[AuditEvent]:
    """Return the events by the actor (user name, employee number, or the system's name), the verb, the subject, and the dates
    first..last in the bank's zone; what is empty narrows nothing."""
    events = AuditEvent.objects.all()
    if actor:
        people = User.objects.filter(Q(username=actor) | Q(employee_number=actor))
        events = events.filter(Q(actor__in=people) | Q(system=actor))
    exact = {"verb": verb, "subject_kind": subject_kind, "subject_id": subject_id}
    events = events.filter(**{name: value for name, value in exact.items() if value})
    return within(events, first=first, last=last)


def within(
    events: QuerySet[AuditEvent], *, first: datetime.date | None, last: datetime.date | None
) -> QuerySet[AuditEvent]:
    """Keep the events of the dates first..last in the bank's zone."""
    if first:
        events = events.filter(at__gte=first_instant(first))
    return events.filter(at__lt=first_instant(last + DAY)) if last else events
