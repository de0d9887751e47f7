"""Standings of any day, read from decisions."""

import dataclasses
import datetime
import itertools

from django.db import connection

from foundation.querying import statement
from tiers.models import Decision, Programme, Tier


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stood:
    """A member's tier in a programme on a day; without a decision it is standard, since joining. `tiers` are all of it, by rank."""

    programme: Programme
    tier: Tier
    valid_until: datetime.date | None
    grace_until: datetime.date | None
    decision: Decision | None
    tiers: list[Tier]


def at(*, member_id: int, day: datetime.date) -> list[Stood]:
    """Return the member's tier in each programme as of the end of `day`, the main programme first; two statements."""
    latest = (
        Decision.objects.filter(member=member_id, as_of__lte=day)
        .order_by("programme", "-as_of")
        .distinct("programme")
        .select_related("from_tier", "to_tier", "rule_book")
    )
    decisions = {decision.programme_id: decision for decision in latest}
    tiers = Tier.objects.select_related("programme").order_by("-programme__is_main", "programme_id", "rank")
    ladders = [list(ladder) for _programme, ladder in itertools.groupby(tiers, key=lambda tier: tier.programme_id)]
    return [_stood(ladder, decisions.get(ladder[0].programme_id)) for ladder in ladders]


def _stood(tiers: list[Tier], decision: Decision | None) -> Stood:
    return Stood(
        programme=tiers[0].programme,
        tier=decision.to_tier if decision else tiers[0],
        valid_until=decision.valid_until if decision else None,
        grace_until=decision.grace_until if decision else None,
        decision=decision,
        tiers=tiers,
    )


def main_tier_code(member_id: int, day: datetime.date) -> str | None:
    """Return the code of the member's tier in the main programme as of the end of `day`; None without a main programme."""
    stood = next(iter(at(member_id=member_id, day=day)), None)
    return stood.tier.code if stood and stood.programme.is_main else None


def main_tier_names() -> dict[str, str]:
    """Return the names of the main programme's tiers by their codes, from standard up, in the reader's language."""
    return {tier.code: str(tier) for tier in Tier.objects.filter(programme__is_main=True).order_by("rank")}


def pyramid(*, programme: Programme, as_of: datetime.date) -> dict[str, int]:
    """Return how many members stood at each tier of the programme at the end of `as_of`, by tier code from standard up.

    Members who had joined and were not gone count.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement("tiers", "pyramid"), {"programme": programme.pk, "as_of": as_of})
        return dict(cursor.fetchall())
