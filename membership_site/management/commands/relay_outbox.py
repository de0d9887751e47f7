"""relay_outbox: do what is owed, here and now."""

import argparse
import dataclasses
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from foundation.actors import Actor
from foundation.jobs import clock
from foundation.outbox import measuring, relaying

FAILED = 1


class Command(BaseCommand):
    help = (
        "Do everything in the outbox that is due; safe to repeat, also beside the workers. Exit codes: 0 done, "
        "1 something failed and is tried again later, or is quarantined."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, **options: Any) -> None:
        counts = relaying.relay(at=clock.now(), actor=Actor.job("relay_outbox"))
        topics = measuring.measure()
        if options["json"]:
            self.stdout.write(json.dumps(counts | {"topics": [dataclasses.asdict(one) for one in topics]}))
        else:
            self.stdout.write(f"{counts['done']:,} done, {counts['failed']:,} failed")
            for one in topics:
                self.stdout.write(f"{one.topic}: {one.waiting:,} waiting, {one.quarantined:,} quarantined")
        if counts["failed"] or any(one.quarantined for one in topics):
            raise CommandError("Something failed or is quarantined: the console's outbox says what.", returncode=FAILED)
