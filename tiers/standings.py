"""Standings of any day, read from decisions."""

import dataclasses
import datetime

from django.db import connection

from foundation.querying import statement
from tiers.models import Decision, Programme, Tier


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stood:
    """A member's tier in a programme on a day; without a decision it is standard, since joining."""

    programme: Programme
    tier: Tier
    valid_until: datetime.date | None
    decision: Decision | None


def at(*, member_id: int, day: datetime.date) -> list[Stood]:
    """Return the member's tier in each programme as of the end of `day`, the main programme first; three statements."""
    latest = (
        Decision.objects.filter(member=member_id, as_of__lte=day)
        .order_by("programme", "-as_of")
        .distinct("programme")
        .select_related("from_tier", "to_tier", "rule_book")
    )
    decisions = {decision.programme_id: decision for decision in latest}
    programmes = Programme.objects.prefetch_related("tiers").order_by("-is_main", "id")
    return [_stood(programme, decisions.get(programme.pk)) for programme in programmes if programme.tiers.all()]


def _stood(programme: Programme, decision: Decision | None) -> Stood:
    standard = min(programme.tiers.all(), key=lambda tier: tier.rank)
    return Stood(
        programme=programme,
        tier=decision.to_tier if decision else standard,
        valid_until=decision.valid_until if decision else None,
        decision=decision,
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
