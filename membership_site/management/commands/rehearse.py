"""rehearse: replay other rules, or those in force, over the bank's last months."""

import argparse
import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from foundation import transactions
from foundation.actors import Actor
from foundation.jobs import clock
from foundation.progress import Progress
from foundation.refusals import Refusal
from tiers import rehearsing
from tiers.models import Programme, Rehearsal, RehearsedRange, RuleBook

FAILED, REFUSED = 1, 2
IN_FORCE = "in-force"


class Command(BaseCommand):
    help = (
        "Replay rules over the last months for all members, beside the live standings. Exit codes: 0 done, 1 it failed (its row says why), "
        "2 refused."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--rule-book",
            default=IN_FORCE,
            metavar="RULES",
            help=f"{IN_FORCE}, the number of a stored rule book, or a file (toml, json) with the keys of programmes.rule_book",
        )
        parser.add_argument("--programme", metavar="CODE", help="the programme's code, else the main one")
        parser.add_argument("--months", type=int, default=12, metavar="N", help="months up to the last closed date")
        parser.add_argument(
            "--resume", type=int, metavar="ID", help="go on with a rehearsal that failed, whatever else is given"
        )
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *, rule_book: str, programme: str | None, months: int, resume: int | None, **options: Any) -> None:
        said: dict[str, Any] = {"actor": Actor.job("rehearse"), "at": clock.now()}
        try:
            if resume is None:
                of = _programme(programme)
                rules = _rules(rule_book, of)
                rehearsal = transactions.commit(rehearsing.start, programme=of, months=months, **rules, **said)
            else:
                rehearsal = transactions.commit(rehearsing.resume, rehearsal_id=resume, **said)
        except Refusal as refusal:
            raise CommandError(f"{refusal}", returncode=REFUSED) from refusal
        self.stderr.write(announced(rehearsal))
        self._replay(rehearsal)
        rehearsal.refresh_from_db()
        if rehearsal.status == Rehearsal.Status.FAILED:
            raise CommandError(rehearsal.error, returncode=FAILED)
        self._answer(rehearsal, as_json=options["json"])

    def _replay(self, rehearsal: Rehearsal) -> None:
        """Replay the ranges here, beside the workers that have heard of it; wait for those that they hold."""
        progress = Progress(rehearsal.ranges.count())

        def tell(_range: RehearsedRange) -> None:
            done = rehearsal.ranges.filter(done_at__isnull=False).count()
            progress.show(done, f"about {rehearsing.remaining_seconds(rehearsal)} s left")

        try:
            rehearsing.go_on(rehearsal_id=rehearsal.pk, tell=tell)
            rehearsing.wait(rehearsal_id=rehearsal.pk)
        except Exception as error:
            raise CommandError(f"{type(error).__name__}: {error}", returncode=FAILED) from error
        finally:
            progress.end()

    def _answer(self, rehearsal: Rehearsal, *, as_json: bool) -> None:
        result = rehearsal.result or {}
        if as_json:
            told = {"rehearsal": rehearsal.pk, "from": f"{rehearsal.starts_on}", "to": f"{rehearsal.ends_on}"}
            told |= {
                "dates": rehearsal.dates,
                "seconds": round(rehearsal.took.total_seconds(), 3) if rehearsal.took else None,
            }
            self.stdout.write(json.dumps(told | result, ensure_ascii=False))
            return
        self.stdout.write(
            f"{rehearsal}: {result['differences']:,} differences; of {result['members']:,} members {result['winners']:,} would stand "
            f"higher, {result['losers']:,} lower"
        )
        codes = [row["tier"] for row in result["tiers"]]
        for before in codes:
            afters = (f"{after} {result['matrix'][before][after]:,}" for after in codes)
            self.stdout.write(f"{before}: {', '.join(afters)}")
        for cost in result["cost"]["multipliers"]:
            self.stdout.write(f"{cost['currency']}: {cost['points']:+,} points")


def announced(rehearsal: Rehearsal) -> str:
    """Return how long a rehearsal is thought to take, and of how much."""
    seconds = rehearsal.expected_seconds
    long = f"{seconds} seconds" if seconds < 120 else f"{round(seconds / 60)} minutes"
    return f"about {long} for {rehearsal.dates:,} dates × {rehearsal.members:,} members"


def _programme(code: str | None) -> Programme:
    found = Programme.objects.filter(code=code) if code else Programme.objects.filter(is_main=True)
    if (programme := found.first()) is None:
        raise CommandError(
            f"there is no programme {code}" if code else "there is no main programme", returncode=REFUSED
        )
    return programme


def _rules(given: str, programme: Programme) -> dict[str, Any]:
    """Return what `start` takes for the rules given by word, number or file."""
    if given == IN_FORCE:
        return {}
    if given.isascii() and given.isdigit():
        book = RuleBook.objects.filter(programme=programme, number=int(given)).first()
        if book is None:
            raise CommandError(f"{programme.code} has no rule book {given}", returncode=REFUSED)
        return {"rule_book": book}
    try:
        text = Path(given).read_text(encoding="utf-8")
        document = json.loads(text) if given.endswith(".json") else _plain(tomllib.loads(text, parse_float=Decimal))
    except (OSError, ValueError) as error:
        raise CommandError(f"{given} can't be read: {error}", returncode=REFUSED) from error
    if not isinstance(document, dict):
        raise CommandError(f"{given} is no table of rules", returncode=REFUSED)
    return {"document": document}


def _plain(value: Any) -> Any:
    """Return a document as JSON has it: fractions as texts."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return f"{value}" if isinstance(value, Decimal) else value
