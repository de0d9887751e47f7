"""Prepare the demonstration in one process: loading the site four times would double a warm start."""

import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from foundation import transactions
from foundation.jobs import clock
from membership_site import seeding


class Command(BaseCommand):
    help = "Migrate, seed a bank unless one stands, close the nights that are due through the workers, and print the logins."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--members", type=int, default=5000)
        parser.add_argument("--nights", type=int, default=30)
        parser.add_argument("--seed", type=int, default=42)

    def handle(self, *, members: int, nights: int, seed: int, **options: Any) -> None:
        for what, command, arguments in (
            ("migrated", "migrate", {"database": "owner", "verbosity": 0}),
            ("the bank is there", "seed_demo", {"members": members, "nights": nights, "seed": seed}),
            ("every night that was due is closed", "close_day", {"due": True, "celery": True}),
        ):
            started = time.monotonic()
            call_command(command, **arguments, skip_checks=True)
            sys.stdout.flush()
            self.stderr.write(f"· {time.monotonic() - started:5.1f} s  {what}")
        transactions.commit(seeding.ask_for_corrections, at=clock.now())
        transactions.commit(seeding.assign_managers, at=clock.now())
        call_command("seed_demo", logins=True)
