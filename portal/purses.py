"""A member's purse as he reads it: what he can use, what it is worth, what is on its way, what lapses when."""

import dataclasses
import datetime
import itertools

from foundation.periods import add_months
from members.models import Member
from points import forecasting, summaries
from points.forecasting import Lapse
from points.models import PointCurrency


@dataclasses.dataclass(frozen=True, kw_only=True)
class Purse:
    """Points of one currency on a day; `worth_minor` in minor units of `money`, None where the bank has not said."""

    balance: summaries.Balance
    worth_minor: int | None
    money: str
    lapses: list[Lapse]

    @property
    def next_lapse(self) -> Lapse | None:
        """Return what lapses first; None if nothing does in the months shown."""
        return next(iter(self.lapses), None)

    @property
    def most(self) -> int:
        """Return the most that lapses on one date, to draw the others beside."""
        return max((lapse.points for lapse in self.lapses), default=0)

    @property
    def lapsing(self) -> int:
        """Return what lapses in the months shown if nothing more is spent or done."""
        return sum(lapse.points for lapse in self.lapses)

    @property
    def months(self) -> list[tuple[datetime.date, int, list[Lapse]]]:
        """Return the months in which something lapses: first day, how much, and what when."""
        grouped = itertools.groupby(self.lapses, key=lambda lapse: lapse.on.replace(day=1))
        months = [(first, list(lapses)) for first, lapses in grouped]
        return [(first, sum(lapse.points for lapse in lapses), lapses) for first, lapses in months]


def read(member: Member, currency: PointCurrency, *, today: datetime.date, money: str) -> Purse:
    """Return the member's points of a currency on `today`, and what lapses within a year; `money` is the bank's currency.

    One query, and one more where the currency's points lapse by inactivity.
    """
    balance, dated = summaries.purse(
        member_id=member.pk, currency_id=currency.pk, today=today, until=add_months(today, forecasting.MONTHS)
    )
    return Purse(
        balance=balance,
        worth_minor=None if currency.worth_minor is None else int(balance.available * currency.worth_minor),
        money=money,
        lapses=forecasting.of_member(member_id=member.pk, currency=currency, today=today, dated=dated),
    )
