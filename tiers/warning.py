"""Warning: who would go down in 30 or 7 days, by what is known today, is owed a word about it, once per date and step (docs/tiers.md)."""

import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from foundation.actors import Actor
from foundation.querying import statement
from foundation.transactions import in_transaction
from tiers import calendars, reviewing
from tiers.compiling import Ladder, Statement, beside, ladders_in_force
from tiers.models import RuleBook

WARNING = "tiers.will_downgrade"
# So long nobody is warned again of a tier that is decided afresh every night.
QUIET_DAYS = 30
# A programme's members who hold something that the review of the date can take: valid no longer than to the review after it, in
# grace, or by a protection that was ended early.
AT_STAKE = """EXISTS (
  SELECT FROM tiers_standing AS standing JOIN tiers_tier AS tier ON tier.id = standing.tier_id AND tier.rank > 0
  WHERE standing.member_id = member.id AND standing.programme_id = {programme}
    AND (standing.valid_until IS NULL OR standing.grace_until IS NOT NULL OR standing.valid_until < {following}
      OR EXISTS (SELECT FROM tiers_protection AS protection WHERE protection.member_id = member.id AND protection.ended_on <= %(as_of)s)))
  AND {reviews}"""


@in_transaction
def warn(*, as_of: datetime.date, first_member: int, last_member: int, actor: Actor) -> dict[str, int]:
    """Owe warnings to a chunk of members as the business date `as_of` closes, after its review; return how many `warnings` are new.

    A member is warned TIER_WARNING_DAYS before the first review that would lower a tier of his, were nothing else to happen:
    that review is held, by the one evaluator, over what is known today. A tier that is decided afresh every night is warned of by
    the last step only, of the first night that it would be gone, and once in QUIET_DAYS: what still happens moves that night
    every day. Dates are closed one by one, so a night caught up misses none; a second run finds them owed.
    """
    members = {"first_member": first_member, "last_member": last_member}
    return {"warnings": sum(_warn(as_of, days, members) for days in settings.TIER_WARNING_DAYS)}


def _warn(as_of: datetime.date, days_before: int, members: dict[str, int]) -> int:
    on = as_of + datetime.timedelta(days=days_before)
    is_last = days_before == min(settings.TIER_WARNING_DAYS)
    ladders = [
        ladder
        for ladder in ladders_in_force(as_of=on)
        if _can_lower(ladder, on) and (is_last or not _decides_afresh(ladder))
    ]
    if not ladders:
        return 0
    afresh = [ladder.rule_book.programme_id for ladder in ladders if _decides_afresh(ladder)]
    parameters: dict[str, Any] = members | {"topic": WARNING, "on": on, "days_before": days_before}
    parameters |= {"afresh": afresh, "quiet_days": QUIET_DAYS}
    # The evaluator takes its date under the name as_of.
    compiled = Statement(as_of=on)
    compiled.parameters |= parameters
    measured = _measured(compiled, ladders)
    judged = _union(compiled, ladders)
    earlier, known = _union_before(compiled, ladders, on=on, as_of=as_of, members=members)
    query = statement("tiers", "warn").format(measured=measured, judged=judged, earlier=earlier)
    with connection.cursor() as cursor:
        cursor.execute(query, compiled.parameters | known)
        return cursor.rowcount


def _can_lower(ladder: Ladder, on: datetime.date) -> bool:
    """Tell whether the review of `on` lowers anybody by this book."""
    book = ladder.rule_book
    if book.downgrade == RuleBook.Downgrade.NEVER or (book.protected_until and book.protected_until > on):
        return False
    return book.calendar == RuleBook.Calendar.ANNIVERSARY or calendars.is_review(book, on)


def _decides_afresh(ladder: Ladder) -> bool:
    """Tell whether every night takes a tier as soon as its minima are missed."""
    nightly = ladder.rule_book.calendar == RuleBook.Calendar.NIGHTLY
    return nightly and not any(ladder.validities[1:]) and not any(ladder.graces)


def _measured(compiled: Statement, ladders: list[Ladder]) -> str:
    """Return the query of what these ladders measure of whom their reviews could lower."""
    stakes = [_at_stake(compiled, ladder) for ladder in ladders]
    where = f"{reviewing.UNDER_REVIEW} AND (({') OR ('.join(stakes)}))"
    return compiled.measured([measure for ladder in ladders for measure in ladder.measures], where=where)


def _at_stake(compiled: Statement, ladder: Ladder) -> str:
    book = ladder.rule_book
    reviews, following = calendars.compiled(book, compiled.as_of, add=compiled.add)
    if _decides_afresh(ladder):  # whatever validity an older book gave
        following = "'infinity'::date"
    return AT_STAKE.format(programme=compiled.add(book.programme_id), following=following, reviews=reviews)


def _union(compiled: Statement, ladders: list[Ladder]) -> str:
    return "\nUNION ALL\n".join(reviewing.judged(compiled, ladder, "tiers_standing") for ladder in ladders)


def _union_before(
    compiled: Statement, ladders: list[Ladder], *, on: datetime.date, as_of: datetime.date, members: dict[str, int]
) -> tuple[str, dict[str, Any]]:
    """Return what the last review of each book between the two dates would decide by the figures of `on`, with its parameters.

    Of a calendar with no review between them there is none; the anniversaries of a member lie a year apart. What is decided afresh
    is decided by the figures of the night before itself: a window lets them go night by night.
    """
    parts: list[str] = []
    known: dict[str, Any] = {}
    for place, ladder in enumerate(ladders):
        day = on - datetime.timedelta(days=1)
        while day > as_of and not calendars.is_review(ladder.rule_book, day):
            day -= datetime.timedelta(days=1)
        if day > as_of:
            before = Statement(as_of=day)
            before.measures = compiled.measures
            own = ""
            if _decides_afresh(ladder):
                before.parameters |= members
                own = f"WITH measured AS MATERIALIZED ({_measured(before, [ladder])}) "
            judged = reviewing.judged(before, ladder, "tiers_standing")
            part = f"SELECT member_id, programme_id, outcome FROM ({own}{judged}) AS judged"  # noqa: S608 (our own words)
            sql, own_parameters = beside(part, before.parameters, f"before_{place}")
            parts.append(sql)
            known |= own_parameters
    if not parts:
        return "SELECT member_id, 0 AS programme_id, '' AS outcome FROM measured WHERE false", known
    return "\nUNION ALL\n".join(parts), known
