"""configure FILE.toml: the bank's first configuration."""

import argparse
import json
import tomllib
from decimal import Decimal
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError

from foundation import transactions
from foundation.actors import Actor
from foundation.jobs import clock
from membership_site.configuring import configure
from membership_site.reading_configuration import InvalidConfiguration


class Command(BaseCommand):
    help = "Make the bank, its branches, point currencies, programmes and earning rules, where they don't exist yet."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=argparse.FileType("rb"), help="see docs/configuration.md")
        parser.add_argument("--dry-run", action="store_true", help="validate, say what would be made, write nothing")
        parser.add_argument("--json", action="store_true", help="answer in JSON")

    def handle(self, *, file: BinaryIO, dry_run: bool, **options: Any) -> None:
        try:
            document = tomllib.load(file, parse_float=Decimal)
            answer = transactions.commit(
                configure, document=document, at=clock.now(), actor=Actor.job("configure"), dry_run=dry_run
            )
        except tomllib.TOMLDecodeError as error:
            raise CommandError(f"{file.name} is not TOML: {error}", returncode=1) from error
        except InvalidConfiguration as refusal:
            raise CommandError(
                "\n  ".join([f"{file.name} was not taken:", *refusal.complaints]), returncode=1
            ) from refusal
        if options["json"]:
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
            return
        for outcome in ("made", "kept"):
            for kind, codes in answer[outcome].items():
                self.stdout.write(
                    f"{'would be made' if dry_run and outcome == 'made' else outcome}: {kind}: {', '.join(codes)}"
                )
