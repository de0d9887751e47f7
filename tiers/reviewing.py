"""Reviewing members: who rises, stays or falls, by the rule books in force."""

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from django.db import connection

from foundation.actors import Actor
from foundation.jobs.models import JobRun
from foundation.querying import statement
from foundation.transactions import in_transaction
from tiers import calendars
from tiers.compiling import Ladder, Statement, ladders_in_force
from tiers.models import Protection, RuleBook

# Joined, and not gone, by the end of the day.
UNDER_REVIEW = """member.id BETWEEN %(first_member)s AND %(last_member)s
  AND member.joined_on <= %(as_of)s AND (member.closed_on IS NULL OR member.closed_on > %(as_of)s)"""
SECURED_TODAY = " AND member.id IN (SELECT protection.member_id FROM tiers_protection AS protection WHERE protection.starts_on = %(as_of)s)"
# A decision owes its member a notice (docs/outbox.md).
NOTICE = "tiers.changed"
COUNTS = ("reviewed", "upgraded", "renewed", "grace", "downgraded", "secured")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is decided of one date: by these ladders, for the members whom `where` selects."""

    as_of: datetime.date
    ladders: Sequence[Ladder]
    where: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tables:
    """Where decide() reads standings and writes decisions. With `notice` each decision owes the outbox one of that topic.

    The figures are those of the facts booked by `booked_by` (None: of all that were rolled up), of the series in `apart` those that a
    replay keeps; see compiling.Statement.
    """

    standing: str = "tiers_standing"
    decision: str = "tiers_decision"
    notice: str = ""
    booked_by: datetime.date | None = None
    apart: frozenset[int] = frozenset()


LIVE = Tables(notice=NOTICE)


@in_transaction
def review(
    *, as_of: datetime.date, first_member: int, last_member: int, run: JobRun | None, actor: Actor
) -> dict[str, int]:
    """Decide the standings of first_member <= id <= last_member in every programme as of the end of `as_of`; write what changes.

    The roll-up of `as_of` must be done. Returns {"reviewed": members, "upgraded", "renewed", "grace", "downgraded", "secured":
    standings}. A standing that was decided as of this date or later stays, so the same review again changes nothing. On a date
    that is on no programme's calendar only the protections that begin are looked at. Each decision owes its notice. Rules: domain.md §4.
    """
    evaluation = due(ladders_in_force(as_of=as_of), as_of=as_of)
    if evaluation is None:
        return dict.fromkeys(COUNTS, 0)
    parameters = {"first_member": first_member, "last_member": last_member, "run": run and run.pk}
    return decide(evaluation, parameters=parameters, tables=LIVE)


def due(ladders: Sequence[Ladder], *, as_of: datetime.date) -> Evaluation | None:
    """Return what is to be decided of a date, given the ladders in force on it; None on a date without a review and without protections."""
    secured = Protection.objects.filter(starts_on=as_of)
    if reviewed := [ladder for ladder in ladders if calendars.is_due(ladder.rule_book, as_of)]:
        programmes = set(secured.values_list("programme", flat=True))
        chosen = [one for one in ladders if one in reviewed or one.rule_book.programme_id in programmes]
        return Evaluation(as_of=as_of, ladders=chosen, where=UNDER_REVIEW)
    if ladders and secured.exists():
        return Evaluation(as_of=as_of, ladders=ladders, where=UNDER_REVIEW + SECURED_TODAY)
    return None


def decide(evaluation: Evaluation, *, parameters: dict[str, Any], tables: Tables) -> dict[str, int]:
    """Decide the standings that an evaluation names, in one statement; return how many, by COUNTS.

    The one evaluator of reviews and rehearsals, live or replayed by its `tables`; `parameters` hold what its `where` names, and `run`.
    """
    ladders = evaluation.ladders
    compiled = Statement(as_of=evaluation.as_of, booked_by=tables.booked_by, apart=tables.apart)
    compiled.parameters |= parameters | {"notice": tables.notice}
    measured = compiled.measured([measure for ladder in ladders for measure in ladder.measures], where=evaluation.where)
    union = "\nUNION ALL\n".join(judged(compiled, ladder, tables.standing) for ladder in ladders)
    query = statement("tiers", "review").format(
        measured=measured,
        judged=union,
        standing=tables.standing,
        decision=tables.decision,
        owed=statement("tiers", "notices") if tables.notice else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(query, compiled.parameters)
        return dict(zip(COUNTS, cursor.fetchone(), strict=True))


def judged(compiled: Statement, ladder: Ladder, standing: str) -> str:
    """Return the part of one programme, with the places of its rules and parameters filled in."""
    book, as_of = ladder.rule_book, compiled.as_of
    reviews, following = calendars.compiled(book, as_of, add=compiled.add)
    months = book.grace_unit == RuleBook.GraceUnit.MONTHS
    graces = compiled.add(ladder.graces)
    return statement("tiers", "judge").format(
        programme=compiled.add(book.programme_id),
        rule_book=compiled.add(book.pk),
        tiers=compiled.add([tier.pk for tier in ladder.tiers]),
        validity=compiled.add(ladder.validities),
        grace=graces,
        grace_end=(
            f"(date_trunc('month', greatest(due, %(as_of)s) + make_interval(months => ({graces}::int[])[present]))"
            " + interval '1 month - 1 day')::date"
            if months
            else f"greatest(due, %(as_of)s) + ({graces}::int[])[present]"
        ),
        one_step=compiled.add(book.one_step),
        never=compiled.add(book.downgrade == RuleBook.Downgrade.NEVER),
        protected=compiled.add(book.protected_until is not None and book.protected_until > as_of),
        rises="true" if book.upgrades_nightly else reviews,
        reviews=reviews,
        is_due=f"{following} > due",
        target=compiled.target(ladder),
        figures=compiled.figures(ladder),
        standing=standing,
    )
