"""intake --profile PROFILE.toml DIR|FILE…: take the bank's files in."""

import argparse
import contextlib
import json
import time
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from activity import taking_in
from activity.opening import open_files
from activity.reading_profile import InvalidProfile, read_profile
from activity.sifting import Sieve
from activity.taking_in import Delivery, Tally
from foundation import transactions
from foundation.actors import Actor
from foundation.jobs import clock
from foundation.jobs.fencing import next_to_close
from foundation.progress import Progress
from foundation.refusals import Refusal

# Exit codes: everything taken is 0.
REFUSED_WHOLE, INVALID, SOME_REFUSED = 1, 2, 3


class Command(BaseCommand):
    help = (
        "Take members, accounts, activities, snapshots, holdings and grades in from the bank's files, as a profile maps them."
        " Exit code 0: every row taken; 1: a file or the delivery refused whole; 2: the profile is invalid; 3: some rows refused."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--profile", type=Path, required=True, help="see docs/intake.md")
        parser.add_argument("paths", type=Path, nargs="+", help="files, or directories of files; .gz is read as it is")
        parser.add_argument("--errors", type=Path, help="write the refused rows here, as CSV")
        parser.add_argument(
            "--dry-run", action="store_true", help="do it all, then roll it back; holds off a close meanwhile"
        )
        parser.add_argument("--json", action="store_true", help="answer in JSON")

    def handle(self, *, profile: Path, paths: list[Path], errors: Path | None, dry_run: bool, **options: Any) -> None:
        started = time.monotonic()
        try:
            mapped = read_profile(profile.read_text(encoding="utf-8"))
        except OSError as error:
            raise CommandError(f"{profile}: {error.strerror}", returncode=INVALID) from error
        except InvalidProfile as refusal:
            complaints = "\n  ".join([f"{profile} was not taken:", *refusal.complaints])
            raise CommandError(complaints, returncode=INVALID) from refusal
        try:
            with contextlib.ExitStack() as stack:
                files = open_files(mapped, paths)
                stream = stack.enter_context(_private(errors)) if errors else None
                tally, sieve = Tally(stream), stack.enter_context(Sieve())
                delivery = Delivery(profile=mapped, files=files, sieve=sieve, tally=tally)
                if dry_run:
                    with transaction.atomic(durable=True):
                        self._take_in(delivery, run=_call)
                        transaction.set_rollback(True)
                else:
                    self._take_in(delivery, run=transactions.commit)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}", returncode=REFUSED_WHOLE) from error
        except Refusal as refusal:
            raise CommandError(str(refusal), returncode=REFUSED_WHOLE) from refusal
        self._answer(mapped.name, tally, dry_run=dry_run, seconds=time.monotonic() - started, as_json=options["json"])
        if tally.refused:
            raise SystemExit(SOME_REFUSED)

    def _take_in(self, delivery: Delivery, *, run: Any) -> None:
        """Take the delivery batch by batch; `run` is transactions.commit, or a plain call inside the dry run's transaction."""
        actor, tally, at = Actor.job("intake"), delivery.tally, clock.now()
        next_to_close()  # Without a business date there is nothing to book on.
        progress = Progress(delivery.lines)
        delivery.advance = progress.show
        delivery.keep_look_ups()
        intake = run(taking_in.begin, profile=delivery.profile, at=at, actor=actor)
        for batch in delivery.batches():
            outcomes = run(taking_in.take, batch=batch, at=at, actor=actor)
            tally.count_batch(batch, outcomes)
        progress.end()
        run(taking_in.finish, intake=intake, counts=tally.figures(), at=clock.now(), actor=actor)

    def _answer(self, name: str, tally: Tally, *, dry_run: bool, seconds: float, as_json: bool) -> None:
        if as_json:
            figures = {"profile": name, "dry_run": dry_run, "targets": tally.figures(), "refused": tally.refused}
            self.stdout.write(json.dumps(figures | {"seconds": round(seconds, 1)}))
            return
        for target, counts in tally.figures().items():
            told = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items())
            self.stdout.write(f"{target}: {told}")
        for line in tally.first:
            self.stderr.write(line)
        ending = "; dry run, nothing kept" if dry_run else ""
        self.stdout.write(f"{tally.refused:,} rows refused, {seconds:.1f} s{ending}")


def _private(path: Path) -> IO[str]:
    """Open a file to write that nobody else may read: refused rows may hold personal data."""
    path.touch(mode=0o600)
    return path.open("w", encoding="utf-8", newline="")


def _call(verb: Any, **arguments: Any) -> Any:
    return verb(**arguments)
