"""verify_seals: hold every seal against the entries it sealed."""

import argparse
import datetime
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from points.models import Seal
from points.verifying import verify

BROKEN = 1


class Command(BaseCommand):
    help = (
        "Digest every sealed entry anew and hold it against the seals, their chain and their signatures. "
        "Exit codes: 0 all hold, 1 a seal is broken or missing."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        date = {"type": datetime.date.fromisoformat, "metavar": "DATE"}
        parser.add_argument("--from", dest="first", help="the first business date; else the first of all", **date)
        parser.add_argument("--to", dest="last", help="the last business date; else the last of all", **date)
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *, first: datetime.date | None, last: datetime.date | None, **options: Any) -> None:
        verdict = verify(first=first, last=last)
        head = Seal.objects.order_by("business_date").last()
        if options["json"]:
            answer = {
                "verified": verdict.verified,
                "broken": verdict.broken,
                "head": {"business_date": head.business_date, "digest": head.digest} if head else None,
            }
            self.stdout.write(json.dumps(answer, default=str))
        else:
            for finding in verdict.broken:
                self.stdout.write(" ".join(f"{name}={value}" for name, value in finding.items()))
            self.stdout.write(f"{verdict.verified:,} seals hold; the last one: {head} {head.digest if head else ''}")
        if verdict.broken:
            raise CommandError(
                f"{len(verdict.broken)} findings, first {verdict.broken[0]['business_date']}", returncode=BROKEN
            )
