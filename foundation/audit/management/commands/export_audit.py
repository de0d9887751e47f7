"""export_audit: write the trail of some dates as a signed file, or check such a file."""

import argparse
import datetime
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from foundation import transactions
from foundation.actors import Actor
from foundation.audit import exporting
from foundation.jobs import clock
from foundation.refusals import Refusal

WRONG = 1


class Command(BaseCommand):
    help = (
        "Write the audit events of the dates --from..--to as JSON lines, the last of which signs all before it; "
        "with --verify FILE check such a file. Exit codes: 0 all well, 1 the file is not what was signed."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        date: Any = {"type": datetime.date.fromisoformat, "metavar": "DATE"}
        parser.add_argument("--from", dest="first", help="the first date, in the bank's zone", **date)
        parser.add_argument("--to", dest="last", help="the last date", **date)
        parser.add_argument("--out", type=Path, metavar="FILE", help="where to; else to the standard output")
        parser.add_argument("--verify", type=Path, metavar="FILE", help="check this file instead")

    def handle(self, *, first: datetime.date | None, last: datetime.date | None, **options: Any) -> None:
        if file := options["verify"]:
            return self._verify(file)
        if first is None or last is None:
            raise CommandError("give --from and --to, or --verify")
        at = clock.now()
        try:
            head = transactions.commit(exporting.begin, first=first, last=last, actor=Actor.job("export_audit"), at=at)
        except Refusal as refusal:
            raise CommandError(str(refusal)) from refusal
        lines = exporting.lines(head, at=at)
        if options["out"]:
            with options["out"].open("wb") as out:
                out.writelines(lines)
        else:
            sys.stdout.buffer.writelines(lines)
        return None

    def _verify(self, file: Path) -> None:
        try:
            with file.open("rb") as lines:
                events = exporting.verify(lines)
        except (ValueError, OSError) as error:
            raise CommandError(f"{file}: {error}", returncode=WRONG) from error
        self.stdout.write(f"{events:,} events, signed by the bank")
