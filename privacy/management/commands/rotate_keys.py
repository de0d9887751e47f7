"""rotate_keys: wrap every member's key anew under the master key in force."""

import argparse
import json
import sys
from typing import Any

from django.core.management.base import BaseCommand

from foundation import transactions
from foundation.jobs import clock
from members import sealing
from privacy import rotating
from privacy.models import Rotation


class Command(BaseCommand):
    help = (
        "Wrap every member's key anew under PERSONAL_DATA_KEY; the key before it must stand in PERSONAL_DATA_EARLIER_KEYS until this is "
        "done. Ended in the middle, it goes on where it stood. Exit code 0: all are wrapped under the new key."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--again", action="store_true", help="begin anew, for what an old process wrote meanwhile")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *, again: bool, **options: Any) -> None:
        if again:
            transactions.commit(rotating.begin_again)
        while chunk := transactions.commit(rotating.rotate, at=clock.now()):
            if sys.stdout.isatty():
                self.stdout.write(f"{chunk[0]}: {chunk[1]:,}")
        key_id = sealing.master_key_id()
        tables = dict(Rotation.objects.filter(key_id=key_id).order_by("place").values_list("place", "rows"))
        if options["json"]:
            self.stdout.write(json.dumps({"key": key_id, "wrapped": tables}))
        else:
            for table, rows in tables.items():
                self.stdout.write(f"{table}: {rows:,} keys wrapped under {key_id}")
