"""Estimating breakage: how many of the points outstanding will expire unused, from the bank's own cohorts (docs/books.md).

A cohort is the points that expire in one month. From month to month a part of it is used and the rest is kept; the parts kept,
pooled over cohorts by the months left, multiply to the share that will never be used: a chain ladder (the product-limit
estimate of Kaplan and Meier, 1958, over calendar months). Its error is Mack's, from how much the cohorts differ: Mack, "Distribution-
free calculation of the standard error of chain ladder reserve estimates", ASTIN Bulletin 23/2 (1993), 213-225.
"""

import dataclasses
import datetime
import math
from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Q, Sum

from books.models import NEVER_MONTH, NO_MONTH, DailyBalance, DailyStock, DailyTotal
from foundation.periods import add_months, month_end
from points.models import Kind

# A month of life is believed when so many cohorts have been seen to pass it.
FEWEST_COHORTS = 3
# Two standard errors to each side, nearly: 95 in 100 if the error is normal.
BAND = 1.96


@dataclasses.dataclass(frozen=True)
class Passage:
    """What was seen of cohorts with so many months left: how many, their points at the month's beginning and what came, what was used."""

    months_left: int
    cohorts: int
    exposed: int
    used: int
    spread: float  # Mack's σ²: the variance of the part kept, per point

    @property
    def kept(self) -> float:
        """Return the part kept of a cohort in such a month."""
        return 1 - self.used / self.exposed


@dataclasses.dataclass(frozen=True)
class Estimate:
    """Points that will expire unused, `low` to `high` with 95 %; of how many that expire some day, beside those that never do."""

    breakage: int
    low: int
    high: int
    outstanding: int
    never: int
    passages: list[Passage]


@dataclasses.dataclass(frozen=True)
class TooLittle:
    """Why nothing can be estimated yet: a month of life that the outstanding points must pass was seen of too few cohorts."""

    months_left: int
    cohorts: int
    needed: int
    passages: list[Passage]


def estimate(*, currency_id: int, as_of: datetime.date) -> Estimate | TooLittle:
    """Estimate the breakage of what is outstanding in a currency at the end of a totalled date; the running month counts whole.

    Looks at every whole calendar month that the books hold by then. Points that never expire have no breakage; what is owed
    has none either.
    """
    passages = passed(currency_id=currency_id, as_of=as_of)
    stock = dict(
        DailyStock.objects.filter(business_date=as_of, currency_id=currency_id)
        .exclude(expires_in=NO_MONTH)
        .values_list("expires_in")
        .annotate(points=Sum("points"))
        .order_by("expires_in")
    )
    never = stock.pop(NEVER_MONTH, 0)
    ages = {months_between(as_of, month): points for month, points in stock.items() if points > 0}
    by_age = {passage.months_left: passage for passage in passages}
    for months_left in range(max(ages, default=-1) + 1):
        seen = by_age[months_left].cohorts if months_left in by_age else 0
        if seen < FEWEST_COHORTS:
            return TooLittle(months_left=months_left, cohorts=seen, needed=FEWEST_COHORTS, passages=passages)
    breakage, variance = expected(ages, by_age)
    outstanding = sum(ages.values())
    error = BAND * math.sqrt(variance)
    return Estimate(
        breakage=round(breakage),
        low=round(max(breakage - error, 0)),
        high=round(min(breakage + error, outstanding)),
        outstanding=outstanding,
        never=never,
        passages=passages,
    )


def expected(ages: dict[int, int], passages: dict[int, Passage]) -> tuple[float, float]:
    """Return the points that will be left of cohorts (points by months left) when they expire, and Mack's variance of that sum.

    Every month from each age down to 0 must have its passage.
    """
    ends: dict[int, float] = {}
    relative: dict[int, float] = {}  # Mack's sum over the passages ahead of the cohort itself
    shared: dict[int, float] = {}  # and the part of it that every cohort passing there shares
    for age, points in ages.items():
        left = float(points)
        relative[age] = shared[age] = 0.0
        for months_left in range(age, -1, -1):
            passage = passages[months_left]
            if passage.kept == 0 or left == 0:
                left = 0.0
                break
            part = passage.spread / passage.kept**2
            relative[age] += part * (1 / left + 1 / passage.exposed)
            shared[age] += part / passage.exposed
            left *= passage.kept
        ends[age] = left
    variance = sum(ends[age] ** 2 * relative[age] for age in ages)
    for age in ages:
        # The passages that two cohorts share are those of the nearer one to its end.
        variance += sum(2 * ends[age] * ends[other] * shared[other] for other in ages if other < age)
    return sum(ends.values()), variance


def passed(*, currency_id: int, as_of: datetime.date) -> list[Passage]:
    """Return what was seen of cohorts in whole calendar months by `as_of`, by months left, the last month of life first."""
    dates = DailyBalance.objects.filter(currency_id=currency_id, business_date__lte=as_of).order_by("business_date")
    first = dates.values_list("business_date", flat=True).first()
    if first is None:
        return []
    seen: dict[int, list[tuple[int, int]]] = defaultdict(list)
    month = month_end(first) + datetime.timedelta(days=1)  # the first month that begins within the books
    while month_end(month) <= as_of:
        for months_left, exposed, used in _passages_of(currency_id, month):
            seen[months_left].append((exposed, used))
        month = add_months(month, 1)
    return [pooled(months_left, seen[months_left]) for months_left in sorted(seen)]


def pooled(months_left: int, cohorts: Iterable[tuple[int, int]]) -> Passage:
    """Return the passage of cohorts, each (exposed, used), with the spread of the parts that they kept."""
    parts = list(cohorts)
    exposed, used = sum(one for one, _used in parts), sum(one for _exposed, one in parts)
    kept = 1 - used / exposed
    squares = sum(points * (1 - gone / points - kept) ** 2 for points, gone in parts)
    spread = squares / (len(parts) - 1) if len(parts) > 1 else 0.0
    return Passage(months_left=months_left, cohorts=len(parts), exposed=exposed, used=used, spread=spread)


def _passages_of(currency_id: int, month: datetime.date) -> list[tuple[int, int, int]]:
    """Return (months left, exposed, used) of each cohort in one month: what it had or was credited, and what went but by expiry."""
    of_currency = Q(currency_id=currency_id, expires_in__gte=month, expires_in__lt=NEVER_MONTH)
    day_before = month - datetime.timedelta(days=1)
    stock = DailyStock.objects.filter(of_currency, business_date=day_before).values_list("expires_in")
    exposed = dict(stock.annotate(points=Sum("points")).order_by("expires_in"))
    used: dict[datetime.date, int] = defaultdict(int)
    moved = DailyTotal.objects.filter(of_currency, business_date__range=(month, month_end(month))).exclude(kind=0)
    for row in moved.values("expires_in", "kind").annotate(c=Sum("credited"), d=Sum("debited")).order_by("expires_in"):
        exposed[row["expires_in"]] = exposed.get(row["expires_in"], 0) + row["c"]
        used[row["expires_in"]] += 0 if row["kind"] == Kind.EXPIRE else row["d"]
    return [(months_between(month, end), points, used[end]) for end, points in exposed.items() if points > 0]


def months_between(day: datetime.date, month: datetime.date) -> int:
    """Return how many months after the month of `day` a month comes."""
    return (month.year - day.year) * 12 + month.month - day.month


def recognised_minor(*, allocated_minor: int, redeemed: int, expected_redeemed: int) -> int:
    """Return what of an amount allocated to points is income once `redeemed` of all that are expected ever to be redeemed are.

    Breakage thus becomes income in proportion to the rights exercised: IFRS 15.B46, with the figures of its Illustrative
    Example 52 (IE267-IE270). Rounded half up; nothing is expected: everything is income.
    """
    if expected_redeemed <= redeemed:
        return allocated_minor
    return (2 * allocated_minor * redeemed + expected_redeemed) // (2 * expected_redeemed)
