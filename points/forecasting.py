"""Forecasting: what lapses when if nothing more is spent, of a member by date and of the whole bank by month."""

import dataclasses
import datetime

from django.db import connection
from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth

from foundation.periods import add_months
from foundation.querying import statement
from points import summaries
from points.ledger import NEVER
from points.models import Lot, PointCurrency

MONTHS = 12


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lapse:
    """Points whose last usable day is `on`; `if_inactive`: only if the member does nothing until then."""

    on: datetime.date
    points: int
    if_inactive: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """What remains in the lots of a period: points, and in how many lots."""

    points: int = 0
    lots: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BankForecast:
    """What lapses in each of the next months, by their first days; what lapses later; and what has no last day."""

    months: dict[datetime.date, Remaining]
    later: Remaining
    undated: Remaining

    @property
    def most(self) -> int:
        """Return the most that lapses in one month, to draw the others beside."""
        return max((month.points for month in self.months.values()), default=0)


def of_member(
    *, member_id: int, currency: PointCurrency, today: datetime.date, dated: dict[datetime.date, int] | None = None
) -> list[Lapse]:
    """Return what lapses of a purse from `today` until MONTHS on, soonest first; two statements at most.

    `dated` is what summaries.expiring or summaries.purse gave for that time, where the caller has asked already.
    """
    until = add_months(today, MONTHS)
    if dated is None:
        dated = summaries.expiring(member_id=member_id, currency_id=currency.pk, first=today, last=until)
    lapses = [Lapse(on=day, points=points) for day, points in dated.items()]
    if currency.expiry_policy == PointCurrency.Expiry.INACTIVITY:
        asked: dict[str, int | datetime.date] = {"member_id": member_id, "currency_id": currency.pk, "today": today}
        with connection.cursor() as cursor:
            cursor.execute(statement("points", "idle_lots"), asked)
            idle = [Lapse(on=day, points=points, if_inactive=True) for day, points in cursor.fetchall()]
        lapses += [lapse for lapse in idle if lapse.on <= until]
    return sorted(lapses, key=lambda lapse: (lapse.on, lapse.if_inactive))


def of_bank(*, currency: PointCurrency, today: datetime.date, months: int = MONTHS) -> BankForecast:
    """Return what lapses of a currency in the month of `today` and those after it, over all members; one statement.

    Lots lie in partitions by the month in which they lapse, so that what is over is not read. What lapses by inactivity has no last
    day and is in `undated`.
    """
    left = Lot.objects.filter(currency_id=currency.pk, expires_on__gte=today, remaining__gt=0)
    by_month = left.annotate(month=TruncMonth("expires_on")).values("month")
    rows = by_month.annotate(points_left=Sum("remaining"), lots=Count("number")).order_by("month")
    found = {row["month"]: Remaining(points=int(row["points_left"]), lots=row["lots"]) for row in rows}
    first = today.replace(day=1)
    shown = [add_months(first, month) for month in range(months + 1)]
    later = [remaining for month, remaining in found.items() if shown[-1] < month < NEVER.replace(day=1)]
    return BankForecast(
        months={month: found.get(month, Remaining()) for month in shown},
        later=Remaining(points=sum(one.points for one in later), lots=sum(one.lots for one in later)),
        undated=found.get(NEVER.replace(day=1), Remaining()),
    )
