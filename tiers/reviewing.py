"""Reviewing members: who rises, stays or falls, by the rule books in force."""

import datetime

from django.db import connection

from foundation.actors import Actor
from foundation.jobs.models import JobRun
from foundation.querying import statement
from foundation.transactions import in_transaction
from tiers.compiling import Ladder, Statement, ladders_in_force

# Joined, and not gone, by the end of the day.
UNDER_REVIEW = """member.id BETWEEN %(first_member)s AND %(last_member)s
  AND member.joined_on <= %(as_of)s AND (member.closed_on IS NULL OR member.closed_on > %(as_of)s)"""


@in_transaction
def review(
    *, as_of: datetime.date, first_member: int, last_member: int, run: JobRun | None, actor: Actor
) -> dict[str, int]:
    """Decide the standings of first_member <= id <= last_member in every programme as of the end of `as_of`; write what changes.

    The roll-up of `as_of` must be done. Returns {"reviewed": members, "upgraded", "renewed", "downgraded": standings}. A standing
    that was decided as of this date or later stays, so the same review again changes nothing. Rules: domain.md §4.
    """
    ladders = ladders_in_force(as_of=as_of)
    if not ladders:
        return {"reviewed": 0, "upgraded": 0, "renewed": 0, "downgraded": 0}
    compiled = Statement(as_of=as_of)
    compiled.parameters |= {"first_member": first_member, "last_member": last_member, "run": run and run.pk}
    measured = compiled.measured([measure for ladder in ladders for measure in ladder.measures], where=UNDER_REVIEW)
    judged = "\nUNION ALL\n".join(_judged(compiled, ladder) for ladder in ladders)
    with connection.cursor() as cursor:
        cursor.execute(statement("tiers", "review").format(measured=measured, judged=judged), compiled.parameters)
        return dict(zip(("reviewed", "upgraded", "renewed", "downgraded"), cursor.fetchone(), strict=True))


def _judged(compiled: Statement, ladder: Ladder) -> str:
    """Return the part of one programme, with the places of its rules and parameters filled in."""
    book = ladder.rule_book
    return statement("tiers", "judge").format(
        programme=compiled.add(book.programme_id),
        rule_book=compiled.add(book.pk),
        tiers=compiled.add([tier.pk for tier in ladder.tiers]),
        validity=f"{compiled.add(book.validity_months)}::int",
        target=compiled.target(ladder),
        figures=compiled.figures(ladder),
    )
