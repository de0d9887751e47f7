"""A night's job for tests: two steps that leave one audit event per member and date."""

import datetime

from foundation.audit.models import AuditEvent
from foundation.jobs.running import Job, Step
from members.models import Member


def leave_mark(name: str):
    """Return a step's verb that writes one audit event per member of the chunk."""

    def verb(*, business_date, first_member, last_member, run, actor) -> dict[str, int]:
        members = Member.objects.numbered(first_member, last_member).values_list("pk", flat=True)
        at = datetime.datetime.combine(business_date, datetime.time(), datetime.UTC)
        marks = [
            AuditEvent(at=at, verb=name, system=actor.system, subject_kind="member", subject_id=str(member))
            for member in members
        ]
        AuditEvent.objects.bulk_create(marks)
        return {"marks": len(marks)}

    return verb


def every(size: int):
    """Return where the members are cut into ranges of `size`."""
    return lambda: list(Member.objects.order_by("id").values_list("id", flat=True))[size::size]


def job(*more: Step, size: int = 1000) -> Job:
    """Return a job of the steps `first` and `second`, and more, in chunks of `size` members."""
    return Job(
        "close_day", [Step("first", leave_mark("first")), Step("second", leave_mark("second")), *more], every(size)
    )


def marks() -> list[tuple[str, str, int]]:
    """Return (date, step, member) of every mark left, in the order of the three."""
    events = AuditEvent.objects.filter(verb__in=["first", "second"]).values_list("at__date", "verb", "subject_id")
    return sorted((f"{day}", verb, int(member)) for day, verb, member in events)
