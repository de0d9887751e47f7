"""Seed the demonstration's bank."""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from foundation.actors import Actor
from foundation.jobs import clock
from foundation.refusals import Refusal
from members.models import Member
from membership_site import seeding

# Fewer would leave the teller's branch without the three members that sign in.
FEWEST_MEMBERS = 200


class Command(BaseCommand):
    help = "Seed a generated bank, unless one stands already; --logins prints who may sign in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--members", type=int, default=5000)
        parser.add_argument("--nights", type=int, default=30, help="how many nights back the first business date lies")
        parser.add_argument("--seed", type=int, default=42)
        parser.add_argument("--logins", action="store_true", help="print the logins and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["logins"]:
            return self._print_logins()
        if seeding.is_seeded():
            self.stderr.write("A bank stands already; nothing seeded.")
            return None
        if options["members"] < FEWEST_MEMBERS or options["nights"] < 1:
            raise CommandError(f"--members must be {FEWEST_MEMBERS} at least and --nights 1 at least.", returncode=2)
        started, counts = time.monotonic(), {}
        try:
            for step, count in seeding.seed(
                members=options["members"],
                nights=options["nights"],
                seed=options["seed"],
                today=clock.today(),
                at=clock.now(),
                actor=Actor.job("seed_demo"),
            ):
                counts[step] = counts.get(step, 0) + count
                if self.stderr.isatty():
                    self.stderr.write(f"\r  {step}: {counts[step]:,}      ", ending="")
        except Refusal as refusal:
            raise CommandError(str(refusal)) from refusal
        made = ", ".join(f"{count:,} {step.removeprefix('seed_')}" for step, count in counts.items() if count > 1)
        self.stderr.write(f"\rseeded {made} in {time.monotonic() - started:.1f} s")
        return None

    def _print_logins(self) -> None:
        for login in seeding.LOGINS:
            member = Member.objects.filter(user__username=login.username).first()
            door, what = ("/console/", login.role.replace("_", " ")) if login.role else ("/", f"member {member}")
            self.stdout.write(f"{door:<10} {login.username:<12} {seeding.secret_of(login.username)}  {what}")
        self.stdout.write(
            f"{'/api/v1':<10} {seeding.SYSTEM_CLIENT:<12} {seeding.secret_of(seeding.SYSTEM_CLIENT)}  OAuth client credentials"
        )
        self.stdout.write(
            f"{'/oauth':<10} {seeding.APP_CLIENT:<12} {'':<12}  OAuth code with PKCE, for members (docs/apps.md)"
        )
        self.stdout.write(
            f"{'/accounts':<10} staff type a code after the password: the page tells it, or make -s manage ARGS='code teller'"
        )
        if settings.MESSAGES_PROVIDER == "file":
            self.stdout.write(f"{'messages':<10} codes and links to members are lines of {settings.MESSAGES_FILE}")
