"""prove: hold the ledger against its invariants."""

import argparse
import datetime
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from foundation import transactions
from foundation.jobs import clock, fencing
from foundation.refusals import Refusal
from membership_site.proving import broken, prove_all

BROKEN, REFUSED = 1, 2


class Command(BaseCommand):
    help = (
        "Prove every purse against its entries and lots. Exit codes: 0 all hold, 1 an invariant is broken, 2 refused."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--as-of",
            type=datetime.date.fromisoformat,
            metavar="DATE",
            help="a closed business date, else the last one: what lapsed, books and seals are proved as of it, purses as they stand now",
        )
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *, as_of: datetime.date | None, **options: Any) -> None:
        try:
            as_of = as_of or fencing.last_closed() or fencing.next_to_close()
            results = transactions.commit(prove_all, as_of=as_of, at=clock.now())
        except Refusal as refusal:
            raise CommandError(f"{refusal}", returncode=REFUSED) from refusal
        if options["json"]:
            self.stdout.write(json.dumps({"as_of": f"{as_of}", "invariants": results}))
        else:
            for name, result in results.items():
                self.stdout.write(f"{name}: {result['violations']:,} of {result['checked']:,}")
        if what := broken(results):
            raise CommandError(what, returncode=BROKEN)
