"""Rechecking the seals: once a week the entries of a past month, drawn by lot, are digested anew (reliability.md, decision 4)."""

import datetime
import random

import structlog
from django.db.models import Func

from foundation import transactions
from foundation.jobs import fencing
from foundation.jobs.models import JobRun
from foundation.periods import month_end
from foundation.transactions import in_transaction
from membership_site.proving import SUNDAY
from points import verifying
from points.models import Seal

JOB = "recheck_seals"

log = structlog.get_logger(__name__)


@in_transaction
def recheck(*, as_of: datetime.date, month: datetime.date, at: datetime.datetime) -> JobRun:
    """Hold the seals of the calendar month of `month` against its entries, and keep what was found as the job's run of `as_of`."""
    first, last = month.replace(day=1), month_end(month)
    verdict = verifying.verify(first=first, last=last)
    dates = sorted({f"{finding['business_date']}" for finding in verdict.broken})
    result = {"violations": len(dates), "checked": verdict.verified + len(dates), "examples": dates[:5]}
    reasons = sorted({finding["reason"] for finding in verdict.broken})
    what = f"seals of {', '.join(dates[:5])} don't hold: {', '.join(reasons)}" if dates else ""
    run, _is_new = JobRun.objects.update_or_create(
        job=JOB,
        business_date=as_of,
        defaults={
            "status": JobRun.Status.FAILED if what else JobRun.Status.DONE,
            "step": f"{first:%Y-%m}",
            "counts": {"month": f"{first:%Y-%m}", "sealed_entries_unchanged": result},
            "error": what,
            "started_at": at,
            "finished_at": Func(function="clock_timestamp"),
        },
    )
    if what:
        log.error("seals broken", month=f"{first:%Y-%m}", what=what)
    return run


def recheck_where_due(*, at: datetime.datetime, lot: random.Random | None = None) -> None:
    """Recheck one month, drawn by `lot` from all that have seals, where a Sunday has been closed since the last time.

    Nobody can know which month it will be, the database's owner included.
    """
    last = fencing.last_closed()
    if last is None:
        return
    sunday = last - datetime.timedelta(days=last.isoweekday() % SUNDAY)
    if JobRun.objects.filter(job=JOB, business_date__gte=sunday).exists():
        return
    months = sorted(Seal.objects.dates("business_date", "month"))
    # The present month is drawn only where there is no other.
    past = [month for month in months if month < last.replace(day=1)] or months
    if past:
        transactions.commit(recheck, as_of=last, month=(lot or random.SystemRandom()).choice(past), at=at)
