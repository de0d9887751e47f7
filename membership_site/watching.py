"""Watching the workers close business dates, from the tables; and ringing again where nobody drives."""

import datetime
import time

from django.db.models import Count
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError

from foundation.jobs import closing, driving
from foundation.jobs.models import JobRun
from foundation.jobs.running import RunFailed
from foundation.progress import Progress
from foundation.refusals import Refusal
from membership_site.closing import NIGHT
from membership_site.tasks import close_due

LOOK_EVERY = 0.2  # seconds
RING_AGAIN_AFTER = 10.0
GIVE_UP_AFTER = 120.0


class NobodyWorks(Refusal):
    code = "nobody_works"
    status = 503
    sentence = _("No worker took up the night within %(seconds)s seconds. What was sent still stands in the queue.")


class NoBroker(Refusal):
    code = "no_broker"
    status = 503
    sentence = _("The broker can't be reached; without --celery the night needs none.")


def watch(*, first: datetime.date, through: datetime.date, progress: Progress) -> None:
    """Let the workers close the dates from `first` to `through`, and return when all are closed.

    A driver that was killed leaves its lock; then the message is sent again, as the minute's ring does. Raises
    RunFailed where a date could not be finished; refuses no_broker, and nobody_works when nothing moves.
    """
    tried_before = _attempts(first)
    moved = sent = time.monotonic()
    seen = None
    _send(through)
    while (closed := closing.closed_since(first=first, through=through)) < (through - first).days + 1:
        run = NIGHT_RUNS.filter(business_date=first + datetime.timedelta(days=closed)).first()
        now = time.monotonic()
        if seen != (seen := (closed, run and run.chunks_done)):
            moved = now
            share = run.chunks_done / run.chunks_all if run and run.chunks_all else 0
            progress.show(closed + share, f"{run or ''}")
        elif not driving.holder(job=NIGHT):
            if run and run.status == JobRun.Status.FAILED and (closed or run.attempts > tried_before):
                raise RunFailed(run)
            if now - moved > GIVE_UP_AFTER:
                raise NobodyWorks(seconds=int(GIVE_UP_AFTER))
            if now - max(sent, moved) > RING_AGAIN_AFTER:
                _send(through)
                sent = now
        time.sleep(LOOK_EVERY)
    progress.show(closed, f"{through}")


NIGHT_RUNS = JobRun.objects.filter(job=NIGHT.name).annotate(
    chunks_all=Count("chunks"), chunks_done=Count("chunks__done_at")
)


def _send(through: datetime.date) -> None:
    try:
        close_due.apply_async(kwargs={"through": through.isoformat()}, retry=False)
    except OperationalError as error:
        raise NoBroker from error


def _attempts(business_date: datetime.date) -> int:
    run = JobRun.objects.filter(job=NIGHT.name, business_date=business_date).first()
    return run.attempts if run else 0
