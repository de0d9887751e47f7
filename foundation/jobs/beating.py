"""The heartbeat: proof that rings are sent, delivered and consumed (that the broker answers proves less)."""

import datetime

from django.db.models import F
from django.utils import timezone

from foundation.jobs.models import JobRun
from foundation.transactions import in_transaction

JOB = "ring"


@in_transaction
def beat(*, at: datetime.datetime) -> None:
    """Note that a worker consumed a ring `at`; `attempts` of the date's run counts them."""
    run, is_new = JobRun.objects.get_or_create(
        job=JOB,
        business_date=timezone.localdate(at),
        defaults={"status": JobRun.Status.DONE, "started_at": at, "finished_at": at},
    )
    if not is_new:
        JobRun.objects.filter(pk=run.pk).update(attempts=F("attempts") + 1, finished_at=at)


def last_beat() -> datetime.datetime | None:
    """Return when a ring was last consumed."""
    last = JobRun.objects.filter(job=JOB).order_by("-business_date").first()
    return last.finished_at if last else None
