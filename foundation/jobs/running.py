"""Running a job as rows: one run per business date, chunks of members per step; it knows no steps (docs/adr/0004).

A chunk is claimed by its row lock and marked done in the transaction that does its work, so a killed worker leaves
nothing to clear away: its claim and its work end with its connection. Chunks stand in the order of their steps, and a
step's chunks can be claimed only when every earlier step is done; so any number of workers may `work` on one run, start
and die as they like. The driver's lock is a courtesy to people, not what correctness rests on.
"""

import datetime
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from django.db import connection
from django.db.models import Count

from foundation import transactions
from foundation.actors import Actor
from foundation.jobs.models import Chunk, JobRun
from foundation.transactions import in_transaction

LAST_MEMBER = 2**63 - 1
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.2  # seconds between two looks at chunks that others hold

log = structlog.get_logger(__name__)


class Verb(Protocol):
    """What a step does to one chunk, in the chunk's transaction; returns its counts."""

    def __call__(
        self, *, business_date: datetime.date, first_member: int, last_member: int, run: JobRun, actor: Actor
    ) -> dict[str, int]: ...


@dataclass(frozen=True)
class Step:
    """A step of a job: its verb does one range of members at a time or, where `whole`, all of them at once."""

    name: str
    verb: Verb
    whole: bool = False


@dataclass(frozen=True)
class Job:
    """A job: its name, its steps in order, and where the members are cut: the first id of each range but the first."""

    name: str
    steps: Sequence[Step]
    cuts: Callable[[], Sequence[int]]

    @property
    def actor(self) -> Actor:
        return Actor.job(self.name)


class RunFailed(Exception):
    """A run could not be finished; its row says at which step and why. Nothing that was done is lost."""

    def __init__(self, run: JobRun) -> None:
        super().__init__(f"{run}: {run.step}: {run.error}")
        self.run = run


@in_transaction
def begin(*, job: Job, business_date: datetime.date, at: datetime.datetime) -> JobRun:
    """Make the run of a business date with all its chunks, and return it."""
    run = JobRun.objects.create(job=job.name, business_date=business_date, started_at=at)
    cuts = job.cuts()
    # The outer ranges are open: whoever joins while the date is closing belongs to the last one.
    ranges = list(zip([1, *cuts], [*(cut - 1 for cut in cuts), LAST_MEMBER], strict=True))
    Chunk.objects.bulk_create(
        Chunk(run=run, step=step.name, first_member=first, last_member=last)
        for step in job.steps
        for first, last in ([(1, LAST_MEMBER)] if step.whole else ranges)
    )
    return run


@in_transaction
def resume(*, job: Job, business_date: datetime.date, most_deaths: int | None = None) -> JobRun:
    """Take up the run that a business date has, as one more attempt, and return it.

    A run whose process has died `most_deaths` times with no chunk done in between comes back failed (C16: whatever kills its
    worker kills the next one too); without a bound it is taken up all the same, and the deaths are counted anew.
    """
    of_date = JobRun.objects.filter(job=job.name, business_date=business_date)
    run = of_date.select_for_update().get()
    done = run.chunks.filter(done_at__isnull=False).count()
    # Who fails says so on the row; who left it running has died.
    died = (run.counts.get("died", 0) if run.counts.get("done") == done else 0) + (run.status == JobRun.Status.RUNNING)
    run.attempts, run.status, run.step, run.error = run.attempts + 1, JobRun.Status.RUNNING, "", ""
    run.counts = {"died": died, "done": done} if died and most_deaths else {}
    if most_deaths and died >= most_deaths:
        undone = run.chunks.filter(done_at=None).order_by("id").first()
        run.status, run.step = JobRun.Status.FAILED, undone.step if undone else ""
        run.error = f"given up: the process at work has died {died} times here"
    run.save(update_fields=["attempts", "status", "step", "error", "counts"])
    return run


def most_at_once(*, run: JobRun) -> int:
    """Return how many chunks one step of the run has open at most: so many hands can work at once."""
    steps = run.chunks.filter(done_at=None).values("step").annotate(chunks=Count("id"))
    return max((step["chunks"] for step in steps), default=0)


@in_transaction
def finish(*, run: JobRun, at: datetime.datetime) -> JobRun:
    """Mark a run done, with its chunks' seconds and counts by step; raises RunFailed while a chunk is left."""
    steps: dict[str, dict] = {}
    for chunk in run.chunks.order_by("id"):
        if chunk.done_at is None:
            run.refresh_from_db()
            raise RunFailed(run)
        step = steps.setdefault(chunk.step, {"seconds": 0.0, "chunks": 0, "counts": {}})
        step["seconds"] = round(step["seconds"] + chunk.seconds, 4)
        step["chunks"] += 1
        for name, count in chunk.counts.items():
            step["counts"][name] = step["counts"].get(name, 0) + count
    run.status, run.step, run.error, run.finished_at, run.counts = JobRun.Status.DONE, "", "", at, steps
    run.save(update_fields=["status", "step", "error", "finished_at", "counts"])
    return run


# The chunks of the first step that is not done, without those that failed in these hands.
OPEN = """
FROM jobs_chunk WHERE run_id = %(run)s AND done_at IS NULL AND id <> ALL (%(passed)s::bigint[])
  AND step = (SELECT step FROM jobs_chunk WHERE run_id = %(run)s AND done_at IS NULL ORDER BY id LIMIT 1)
"""
CLAIM = f"SELECT id, run_id, step, first_member, last_member {OPEN} ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
LEFT = f"SELECT EXISTS (SELECT {OPEN})"
DONE = """
UPDATE jobs_chunk SET done_at = clock_timestamp(), counts = %s,
  seconds = extract(epoch FROM clock_timestamp() - transaction_timestamp())
WHERE id = %s
"""


@dataclass
class Worker:
    """One pair of hands on one run; a chunk that failed in them is passed over for the rest of the shift."""

    job: Job
    run: JobRun
    passed: list[int] = field(default_factory=list)
    present: Chunk | None = None

    @in_transaction
    def do_next(self) -> Chunk | None:
        """Claim the next chunk, do its step's work and mark it done; return it, or None where none is free."""
        self.present = None
        self.present = next(iter(Chunk.objects.raw(CLAIM, {"run": self.run.pk, "passed": self.passed})), None)
        if self.present is None:
            return None
        verb = next(step.verb for step in self.job.steps if step.name == self.present.step)
        counts = verb(
            business_date=self.run.business_date,
            first_member=self.present.first_member,
            last_member=self.present.last_member,
            run=self.run,
            actor=self.job.actor,
        )
        with connection.cursor() as cursor:
            cursor.execute(DONE, [json.dumps(counts), self.present.pk])
        return self.present

    @in_transaction
    def note_failure(self, *, chunk: Chunk, error: Exception) -> None:
        """Write onto the run at which step it failed, and the first line of why."""
        self.passed.append(chunk.pk)
        first_line = (str(error).splitlines() or [""])[0]
        JobRun.objects.filter(pk=self.run.pk).update(
            status=JobRun.Status.FAILED, step=chunk.step, error=f"{type(error).__name__}: {first_line}"[:400]
        )

    def others_work(self) -> bool:
        """Return whether the present step has chunks left that did not fail in these hands: others hold them."""
        with connection.cursor() as cursor:
            cursor.execute(LEFT, {"run": self.run.pk, "passed": self.passed})
            return cursor.fetchone()[0]


def work(
    *, job: Job, run: JobRun, tell: Callable[[Chunk], None] | None = None, stop: threading.Event | None = None
) -> None:
    """Do the run's chunks, each in its own transaction, until none is left or what is left has failed in our hands.

    While others hold the last chunks of a step it waits: should their process die, their chunks are ours.
    """
    worker, pause = Worker(job, run), FIRST_PAUSE
    with structlog.contextvars.bound_contextvars(job=job.name, run=run.pk, business_date=f"{run.business_date}"):
        while not (stop and stop.is_set()):
            try:
                done = transactions.commit(worker.do_next)
            except Exception as error:
                if worker.present is None or not connection.is_usable():
                    raise
                log.exception("chunk failed", step=worker.present.step, first_member=worker.present.first_member)
                transactions.commit(worker.note_failure, chunk=worker.present, error=error)
                continue
            if done:
                pause = FIRST_PAUSE
                if tell:
                    tell(done)
            elif worker.others_work():
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return
