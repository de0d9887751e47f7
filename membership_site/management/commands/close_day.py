"""close_day: close business dates, here or through the workers."""

import argparse
import datetime
import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from foundation.jobs import clock, closing, fencing
from foundation.jobs.models import Chunk, JobRun
from foundation.jobs.running import RunFailed
from foundation.progress import Progress
from foundation.refusals import Refusal
from membership_site.closing import NIGHT, close, rehearse
from membership_site.watching import watch

FAILED, REFUSED = 1, 2


class Command(BaseCommand):
    help = (
        "Close a business date, and before it every earlier one that is not closed, in order. A date that is closed is "
        "left as it is. Exit codes: 0 done, 1 a run failed (its row says where and why), 2 refused."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--as-of", type=datetime.date.fromisoformat, metavar="DATE", help="the last date to close")
        which.add_argument("--due", action="store_true", help="close every date up to yesterday in the bank's zone")
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="connections that share the work")
        parser.add_argument("--celery", action="store_true", help="let the workers do it, and watch them")
        parser.add_argument("--dry-run", action="store_true", help="close the next date, count, and roll it back")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *, as_of: datetime.date | None, dry_run: bool, **options: Any) -> None:
        started, today = time.perf_counter(), clock.today()
        through = as_of or today - datetime.timedelta(days=1)
        status, error = "rehearsed" if dry_run else "closed", ""
        try:
            first = fencing.next_to_close()
            if dry_run:
                runs = [rehearse(as_of=as_of)]
            else:
                try:
                    self._close(first, through, today, **options)
                except RunFailed as failure:
                    status, error = "failed", f"{failure}"
                runs = JobRun.objects.filter(job=NIGHT.name, business_date__range=(first, through)).order_by(
                    "business_date"
                )
        except Refusal as refusal:
            raise CommandError(f"{refusal}", returncode=REFUSED) from refusal
        self._answer(list(runs), status, error, time.perf_counter() - started, as_json=options["json"])
        if error:
            raise CommandError(error, returncode=FAILED)

    def _close(
        self,
        first: datetime.date,
        through: datetime.date,
        today: datetime.date,
        *,
        workers: int,
        celery: bool,
        **options: Any,
    ) -> None:
        progress = Progress((through - first).days + 1)
        closed = 0

        def tell(run: JobRun, chunk: Chunk | None) -> None:
            nonlocal closed
            closed += chunk is None
            progress.show(closed, f"{run.business_date} {chunk.step if chunk else ''}")

        try:
            if celery:
                closing.refuse_unless_over(through, today=today)
                watch(first=first, through=through, progress=progress)
            else:
                close(through=through, way="close_day", hands=workers, tell=tell)
        finally:
            progress.end()

    def _answer(self, runs: list[JobRun], status: str, error: str, seconds: float, *, as_json: bool) -> None:
        if as_json:
            dates = [
                {
                    "business_date": f"{run.business_date}",
                    "status": run.status,
                    "attempts": run.attempts,
                    "seconds": round((run.finished_at - run.started_at).total_seconds(), 4)
                    if run.finished_at
                    else None,
                    "steps": _steps(run),
                }
                for run in runs
            ]
            answer = {"status": status, "seconds": round(seconds, 3), "dates": dates, "error": error}
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        for run in runs[-10:]:
            steps = (
                f"{name} {step['seconds']:.2f} s"
                + "".join(f", {key} {count:,}" for key, count in step["counts"].items() if count)
                for name, step in _steps(run).items()
            )
            self.stdout.write(f"{run.business_date} {run.status}: {'; '.join(steps)}")
        self.stdout.write(f"{len(runs)} business dates {status} in {seconds:.1f} s" if runs else "nothing was due")


def _steps(run: JobRun) -> dict[str, Any]:
    """Return what a run counted by step, in the order of the night."""
    return {step.name: run.counts[step.name] for step in NIGHT.steps if step.name in run.counts}
