"""A member's purse as he reads it: what he can use, what it is worth, what is on its way, what lapses when."""

import dataclasses
import datetime

from foundation.periods import add_months
from members.models import Member
from points import summaries
from points.models import PointCurrency

CALENDAR_MONTHS = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class Purse:
    """Points of one currency on a day; `worth_minor` in minor units of `money`, None where the bank has not said."""

    balance: summaries.Balance
    worth_minor: int | None
    money: str
    expiring: dict[datetime.date, int]

    @property
    def next_lapse(self) -> tuple[datetime.date, int] | None:
        """Return the first date after which something lapses, and how much; None if nothing does in the months shown."""
        return next(iter(self.expiring.items()), None)

    @property
    def most(self) -> int:
        """Return the most that lapses on one date, to draw the others beside."""
        return max(self.expiring.values(), default=0)


def read(member: Member, currency: PointCurrency, *, today: datetime.date, money: str) -> Purse:
    """Return the member's points of a currency on `today`, and what lapses within a year; `money` is the bank's currency. One query."""
    balance, expiring = summaries.purse(
        member_id=member.pk, currency_id=currency.pk, today=today, until=add_months(today, CALENDAR_MONTHS)
    )
    return Purse(
        balance=balance,
        worth_minor=None if currency.worth_minor is None else int(balance.available * currency.worth_minor),
        money=money,
        expiring=expiring,
    )
