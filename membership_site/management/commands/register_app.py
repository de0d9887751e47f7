"""Register an app that members may let act for them (docs/apps.md)."""

import argparse

from django.core.management.base import BaseCommand, CommandError

from foundation import transactions
from foundation.access import registering
from foundation.access.scopes import OF_MEMBERS
from foundation.actors import Actor
from foundation.jobs import clock
from foundation.refusals import Refusal


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("client_id")
        parser.add_argument("--name", required=True, help="as members read it")
        parser.add_argument("--address", action="append", required=True, help="where it is called back; may come again")
        parser.add_argument("--scope", action="append", help=f"of {' '.join(OF_MEMBERS)}; all unless given")

    def handle(self, *args: str, **options: object) -> None:
        """Register it, or say in one sentence why not."""
        asked = {
            "client_id": options["client_id"],
            "name": options["name"],
            "addresses": options["address"],
            "scopes": options["scope"] or OF_MEMBERS,
        }
        try:
            transactions.commit(registering.register, **asked, at=clock.now(), actor=Actor.job("register_app"))
        except Refusal as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"registered {options['client_id']}")
