"""The night: its steps in order, and the ways it begins: a command, a message, the minute's ring."""

import datetime
import os
import socket
from collections import Counter
from collections.abc import Callable

from django.conf import settings

from activity import idling
from books import totalling
from campaigns import clawing_back, earning
from foundation import transactions
from foundation.actors import Actor
from foundation.jobs import beating, clock, closing, driving, running
from foundation.jobs.closing import Tell
from foundation.jobs.models import JobRun
from foundation.jobs.running import Job, Step
from foundation.periods import add_months
from members.cutting import cuts
from membership_site import keeping_files, proving, rechecking
from points import lapsing, partitions, releasing, reminding, sealing
from privacy import destroying
from tiers import reviewing, rolling, warning

Counts = dict[str, int]
# So far ahead the months of lots are made, so that no counter has to make one while a customer waits.
MONTHS_AHEAD = 24


def _earn(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return earning.earn(business_date=business_date, actor=actor, **members)


def _claw_back(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return clawing_back.claw_back(business_date=business_date, actor=actor, **members)


def _release(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return releasing.release(as_of=business_date, actor=actor, **members)


def _roll_up(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return rolling.roll_up(business_date=business_date, actor=actor, **members)


def _review(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return reviewing.review(as_of=business_date, run=run, actor=actor, **members)


def _warn(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return warning.warn(as_of=business_date, actor=actor, **members)


def _expire(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    lapsed = Counter(lapsing.lapse(as_of=business_date, actor=actor, **members))
    lapsed.update(lapsing.lapse_inactive(as_of=business_date, actor=actor, **members))
    return dict(lapsed)


def _doze(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return idling.settle(as_of=business_date, at=clock.now(), actor=actor, **members)


def _remind(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return reminding.remind(as_of=business_date, actor=actor, **members)


def _keep_files(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return keeping_files.keep(as_of=business_date, actor=actor, **members)


def _prove(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return proving.prove_touched(business_date=business_date, **members)


def _count(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return totalling.count(business_date=business_date, actor=actor, **members)


def _total(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return totalling.total(business_date=business_date, actor=actor)


def _digest(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return sealing.digest(business_date=business_date, actor=actor, **members)


def _seal(*, business_date: datetime.date, run: JobRun, actor: Actor, **members: int) -> Counts:
    return sealing.seal(business_date=business_date, actor=actor)


STEPS = (
    Step("earn", _earn),
    Step("claw_back", _claw_back),
    Step("release", _release),
    Step("roll_up", _roll_up),
    Step("review", _review),
    Step("warn", _warn),
    Step("expire", _expire),
    Step("doze", _doze),
    Step("remind", _remind),
    Step("keep_files", _keep_files),
    Step("prove", _prove),
    Step("count", _count),
    Step("total", _total, whole=True),
    Step("digest", _digest),
    Step("seal", _seal, whole=True),
)

NIGHT = Job("close_day", STEPS, cuts)


def who(way: str) -> str:
    """Return how this process names itself to others that would drive the night too."""
    return f"{way} on {socket.gethostname()[:24]}, process {os.getpid()}, since {clock.now():%H:%M:%S} UTC"


def close(
    *,
    through: datetime.date | None,
    way: str,
    hands: int = 1,
    most_deaths: int | None = None,
    send_help: Callable[[int], None] | None = None,
    tell: Tell | None = None,
) -> list[JobRun]:
    """Close every date up to `through` (None: all that are due), prove all purses and recheck seals where that is due; return the runs.

    `send_help(run id)` asks another worker to help; it is called once for each that a run of several chunks can use.
    Refuses date_not_over, already_running; raises RunFailed.
    """
    today = clock.today()
    if through is None:
        through = today - datetime.timedelta(days=1)

    def summon(run: JobRun, chunks: int) -> None:
        for _helper in range(min(settings.NIGHT_WORKERS, chunks) - 1):
            send_help(run.pk)

    transactions.commit(partitions.ensure, first=today, last=add_months(today, MONTHS_AHEAD))
    runs = closing.close(
        job=NIGHT,
        through=through,
        today=today,
        who=who(way),
        hands=hands,
        most_deaths=most_deaths,
        summon=summon if send_help else None,
        tell=tell,
    )
    proving.prove_where_due(at=clock.now())
    rechecking.recheck_where_due(at=clock.now())
    if runs:
        transactions.commit(destroying.find, today=today, at=clock.now(), actor=NIGHT.actor)
    return runs


def help_with(*, run_id: int) -> None:
    """Lend a hand to a run as long as it has chunks; a run that is over, or is not there, needs none."""
    if run := JobRun.objects.filter(pk=run_id, status=JobRun.Status.RUNNING).first():
        running.work(job=NIGHT, run=run)


def ring(*, send: Callable[[], None]) -> None:
    """Note that a message was consumed, and `send` for a driver where a date is due that nobody drives.

    A late, doubled or missed ring changes nothing: what is due stands in the tables.
    """
    transactions.commit(beating.beat, at=clock.now())
    if closing.due(today=clock.today()) and not driving.holder(job=NIGHT):
        send()


def rehearse(*, as_of: datetime.date | None) -> JobRun:
    """Close the next date, `as_of` where it is given, in a transaction that is rolled back; return the run."""
    with driving.driving(job=NIGHT, who=who("rehearsal")):
        return transactions.commit(
            closing.rehearse, job=NIGHT, business_date=as_of, today=clock.today(), at=clock.now()
        )
