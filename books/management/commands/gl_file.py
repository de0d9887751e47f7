"""gl_file: the general ledger's file of a closed business date."""

import argparse
import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from books import journalling
from foundation.refusals import Refusal

REFUSED = 2


class Command(BaseCommand):
    help = (
        "Write the debits and credits of a closed business date as CSV, the same bytes however often it is asked. "
        "Exit codes: 0 done, 2 refused."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--date", type=datetime.date.fromisoformat, required=True, metavar="DATE")
        parser.add_argument("--out", type=Path, metavar="FILE", help="write it there instead of to the terminal")

    def handle(self, *, date: datetime.date, out: Path | None, **options: Any) -> None:
        try:
            content = journalling.file(date)
        except Refusal as refusal:
            raise CommandError(f"{refusal}", returncode=REFUSED) from refusal
        if out is None:
            self.stdout.write(content.decode("utf-8-sig"), ending="")
        else:
            out.write_bytes(content)
