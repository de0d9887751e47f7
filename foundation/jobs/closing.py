"""Closing business dates, one after another: each a flip behind the fence and a run of the job."""

import datetime
import functools
from collections.abc import Callable

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.jobs import clock, fencing, running, statistics
from foundation.jobs.driving import drive, driving
from foundation.jobs.models import BusinessDate, Chunk, JobRun
from foundation.jobs.running import Job
from foundation.refusals import Refusal
from foundation.transactions import in_transaction

# After a date that took longer, and before the first, the tables may have grown beyond what the planner knows.
WORTH_STATISTICS = datetime.timedelta(seconds=1)

Summon = Callable[[JobRun, int], None]  # asks other processes to help with a run of so many chunks a step
Tell = Callable[[JobRun, Chunk | None], None]  # hears of each chunk done here, and with None of each date closed


class DateNotOver(Refusal):
    code = "date_not_over"
    sentence = _("%(asked)s cannot be closed before it is over: in the bank's zone today is %(today)s.")


def refuse_unless_over(business_date: datetime.date, *, today: datetime.date) -> None:
    """Refuse (date_not_over) a date that is not over: until midnight its points can still be spent."""
    if business_date >= today:
        raise DateNotOver(asked=business_date, today=today)


def due(*, today: datetime.date) -> tuple[datetime.date, datetime.date] | None:
    """Return the first and the last business date that is over and not closed; None where none is, or no bank."""
    last = today - datetime.timedelta(days=1)
    first = BusinessDate.objects.exclude(status=BusinessDate.Status.CLOSED).order_by("date").first()
    return (first.date, last) if first and first.date <= last else None


@in_transaction
def begin(*, job: Job, business_date: datetime.date, at: datetime.datetime, most_deaths: int | None = None) -> JobRun:
    """Flip the date to closing and make its run, both or neither; a date that is closing already gets its run back.

    It comes back failed where its process has died `most_deaths` times at one place.
    """
    fencing.hold()
    return _flip(job, business_date, at, most_deaths)


def _flip(job: Job, business_date: datetime.date, at: datetime.datetime, most_deaths: int | None = None) -> JobRun:
    if fencing.begin_closing(business_date=business_date, at=at):
        return running.begin(job=job, business_date=business_date, at=at)
    return running.resume(job=job, business_date=business_date, most_deaths=most_deaths)


@in_transaction
def finish(*, run: JobRun, at: datetime.datetime) -> JobRun:
    """Mark the run done and its date closed, both or neither; raises RunFailed while a chunk is left."""
    fencing.finish_closing(business_date=run.business_date, at=at)
    return running.finish(run=run, at=at)


def close(
    *,
    job: Job,
    through: datetime.date,
    today: datetime.date,
    who: str,
    hands: int = 1,
    most_deaths: int | None = None,
    summon: Summon | None = None,
    tell: Tell | None = None,
) -> list[JobRun]:
    """Close every business date up to `through` in order, one run each; return the runs, none where all were closed.

    Each date goes on where its tables stand. Refuses date_not_over, already_running; raises RunFailed at the first
    date that cannot be finished: it stays closing, the next is open for bookings, the next call takes it up again.
    """
    refuse_unless_over(through, today=today)
    runs: list[JobRun] = []
    grown = True
    with driving(job=job, who=who):
        while (business_date := fencing.next_to_close()) <= through:
            if grown:
                statistics.refresh()
            began = clock.now()
            run = transactions.commit(begin, job=job, business_date=business_date, at=began, most_deaths=most_deaths)
            if run.status == JobRun.Status.FAILED:
                raise running.RunFailed(run)
            if summon and (chunks := running.most_at_once(run=run)) > 1:
                summon(run, chunks)
            drive(job=job, run=run, hands=hands, tell=functools.partial(tell, run) if tell else None)
            runs.append(transactions.commit(finish, run=run, at=(ended := clock.now())))
            grown = ended - began > WORTH_STATISTICS
            if tell:
                tell(run, None)
    return runs


@in_transaction
def rehearse(*, job: Job, business_date: datetime.date | None, today: datetime.date, at: datetime.datetime) -> JobRun:
    """Close the next date, which must be `business_date` if that is given, and roll it back; return the run.

    It takes no fence, since whatever is booked meanwhile stays booked; the purses it touches are locked to its end.
    """
    business_date = business_date or fencing.next_to_close()
    refuse_unless_over(business_date, today=today)
    run = _flip(job, business_date, at)
    worker = running.Worker(job, run)
    while worker.do_next():
        pass
    finish(run=run, at=at)
    transaction.set_rollback(True)
    return run


def closed_since(*, first: datetime.date, through: datetime.date) -> int:
    """Return how many business dates of the period stand closed."""
    return BusinessDate.objects.filter(date__range=(first, through), status=BusinessDate.Status.CLOSED).count()
