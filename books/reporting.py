"""Reporting the books: the liability by branch, campaign and month of expiry, and what a point has cost."""

import dataclasses
import datetime
from collections import defaultdict
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

from django.db.models import Model, QuerySet, Sum

from books.estimating import recognised_minor
from books.journalling import minor
from books.models import NO_RULE, DailyBalance, DailyStock, DailyTotal
from campaigns.models import EarningRule, EarningRuleVersion
from foundation.access.models import Branch
from points.models import Kind, PointCurrency


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of the liability: of a branch, a campaign (None: no earning rule) or a month of expiry; points and minor units."""

    of: Any
    points: int
    amount_minor: int | None


@dataclasses.dataclass(frozen=True)
class Liability:
    """What the bank owes its members in one point currency, and the same by branch, campaign and month of expiry."""

    currency: PointCurrency
    worth_minor: Decimal | None
    points: int
    amount_minor: int | None
    branches: list[Part]
    campaigns: list[Part]
    months: list[Part]


@dataclasses.dataclass(frozen=True)
class Cost:
    """What points of one origin have cost: issued and redeemed in a period, and the worth redeemed per point issued, in minor units."""

    of: Any
    issued: int
    redeemed: int
    per_point_minor: Decimal | None

    @property
    def per_hundred_minor(self) -> Decimal | None:
        """Return the cost of a hundred points: that of one is often less than a minor unit."""
        return None if self.per_point_minor is None else 100 * self.per_point_minor


def liability(*, as_of: datetime.date, branches: Collection[int] | None = None) -> list[Liability]:
    """Return the liability at the end of a totalled date, one per reward currency, of some branches (None: of the bank).

    The amount of the bank is that of its journal; those of the parts are rounded by themselves. Six statements.
    """
    stock = _of_branches(DailyStock.objects.filter(business_date=as_of), branches)
    sums = {
        name: list(stock.values_list("currency_id", name).annotate(points=Sum("points")).order_by("currency_id", name))
        for name in ("branch_id", "rule_version_id", "expires_in")
    }
    campaigns = campaigns_of(version for _currency, version, _points in sums["rule_version_id"])
    named = in_bulk(Branch, (branch for _currency, branch, _points in sums["branch_id"]))
    found = []
    balances = DailyBalance.objects.filter(business_date=as_of, currency__kind=PointCurrency.Kind.REWARD)
    for balance in balances.select_related("currency").order_by("currency_id"):
        worth = balance.worth_minor

        def parts(rows: Iterable[tuple[Any, int]], worth: Decimal | None = worth) -> list[Part]:
            return [Part(of, points, None if worth is None else minor(points, worth)) for of, points in rows]

        own = {name: [row[1:] for row in rows if row[0] == balance.currency_id] for name, rows in sums.items()}
        by_campaign: dict[EarningRule | None, int] = defaultdict(int)
        for version, points in own["rule_version_id"]:
            by_campaign[campaigns.get(version)] += points
        points = sum(part for _of, part in own["branch_id"])
        found.append(
            Liability(
                currency=balance.currency,
                worth_minor=worth,
                points=points,
                amount_minor=None if worth is None else minor(points, worth),
                branches=parts((named[branch], part) for branch, part in own["branch_id"]),
                campaigns=largest_first(parts(by_campaign.items())),
                months=parts(own["expires_in"]),
            )
        )
    return found


def costs(
    *, currency: PointCurrency, first: datetime.date, last: datetime.date, branches: Collection[int] | None = None
) -> tuple[list[Cost], list[Cost]]:
    """Return what the points of each campaign and of each branch cost in the dates first..last: worth redeemed per point issued.

    Points are redeemed where they came from; cancelled redemptions are not taken off. At the present worth.
    """
    totals = _of_branches(DailyTotal.objects.filter(currency=currency, business_date__range=(first, last)), branches)
    found: list[list[Cost]] = []
    for name in ("rule_version_id", "branch_id"):
        sums: dict[Any, dict[str, int]] = defaultdict(lambda: {"issued": 0, "redeemed": 0})
        rows = list(totals.values(name, "kind").annotate(c=Sum("credited"), d=Sum("debited")).order_by(name, "kind"))
        keys: dict[int, Any] = (
            campaigns_of(row[name] for row in rows)
            if name == "rule_version_id"
            else in_bulk(Branch, (row[name] for row in rows))
        )
        for row in rows:
            of = sums[keys.get(row[name])]
            of["issued"] += row["c"] if row["kind"] in (Kind.EARN, Kind.BONUS) else 0
            of["redeemed"] += row["d"] if row["kind"] == Kind.REDEEM else 0
        found.append(
            [
                Cost(of, part["issued"], part["redeemed"], _per_point(part, currency.worth_minor))
                for of, part in sums.items()
                if part["issued"] or part["redeemed"]
            ]
        )
    return found[0], found[1]


def deferred_minor(*, balance: DailyBalance, breakage: int) -> int:
    """Return the liability with breakage taken to income in proportion to what was redeemed, from all points ever issued."""
    sums = dict(
        DailyTotal.objects.filter(
            business_date__lte=balance.business_date, currency=balance.currency_id, kind__in=[Kind.REDEEM, Kind.EXPIRE]
        )
        .values_list("kind")
        .annotate(points=Sum("debited"))
        .order_by("kind")
    )
    redeemed, expired = sums.get(Kind.REDEEM, 0), sums.get(Kind.EXPIRE, 0)
    allocated = minor(balance.closing + redeemed + expired, balance.worth_minor or Decimal(0))
    expected = redeemed + balance.closing - breakage
    return allocated - recognised_minor(allocated_minor=allocated, redeemed=redeemed, expected_redeemed=expected)


def campaigns_of(versions: Iterable[int]) -> dict[int, EarningRule]:
    """Return the earning rule of each of some versions' ids."""
    wanted = set(versions) - {NO_RULE}
    found = EarningRuleVersion.objects.filter(pk__in=wanted).select_related("rule")
    return {version.pk: version.rule for version in found}


def in_bulk(model: type[Model], keys: Iterable[int]) -> dict[int, Any]:
    """Return the rows of a model by key."""
    return model._default_manager.in_bulk(set(keys))


def largest_first(parts: list[Part]) -> list[Part]:
    """Return parts in the order of their points."""
    return sorted(parts, key=lambda part: -part.points)


def _of_branches(rows: QuerySet, branches: Collection[int] | None) -> QuerySet:
    return rows if branches is None else rows.filter(branch_id__in=branches)


def _per_point(part: dict[str, int], worth_minor: Decimal | None) -> Decimal | None:
    if worth_minor is None or not part["issued"]:
        return None
    return (part["redeemed"] * worth_minor / part["issued"]).quantize(Decimal("0.0001"))
