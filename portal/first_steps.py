"""The first steps of a member who has no points yet: what is done, and what would earn the first ones."""

import dataclasses
import datetime
from typing import Any

from campaigns.describing import example_of
from campaigns.models import EarningRuleVersion
from members import consents
from members.models import Member
from points.models import PointCurrency

EXAMPLE_MINOR = 100_00
MOST_WAYS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Way:
    """A rule that gives points, and how many for an example amount."""

    names: Any
    points: int
    amount_minor: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Steps:
    """What a newcomer has done, and the ways to his first points, the most giving first."""

    ways: list[Way]
    has_chosen: bool


def of(member: Member, *, today: datetime.date) -> Steps:
    """Return the first steps of a member as of `today`, in three statements."""
    begun = EarningRuleVersion.objects.filter(
        in_force_from__lte=today, reward_currency__kind=PointCurrency.Kind.REWARD, reward_rate__gt=0
    )
    versions = begun.order_by("rule_id", "-in_force_from", "-number").distinct("rule_id")
    ways = []
    for version in versions.select_related("rule", "reward_currency", "growth_currency"):
        points = example_of(version, amount_minor=EXAMPLE_MINOR)[version.reward_currency.code]
        by_amount = version.per == EarningRuleVersion.Per.AMOUNT
        ways.append(Way(names=version.rule.names, points=points, amount_minor=EXAMPLE_MINOR if by_amount else None))
    ways = sorted((way for way in ways if way.points), key=lambda way: -way.points)[:MOST_WAYS]
    stands = consents.stands(member_id=member.pk, on=today)
    return Steps(ways=ways, has_chosen=any(stand.last for stand in stands if not stand.text.is_required))
