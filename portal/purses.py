"""A member's purse as he reads it: what he can use, what it is worth, what is on its way, what lapses when."""

import dataclasses
import datetime

from django.db.models import Min, Q, Sum

from foundation.jobs.models import Bank
from foundation.periods import add_months
from members.models import Member
from points.models import Lot, PointCurrency, Purse

CALENDAR_MONTHS = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class Holdings:
    """Points of one currency on a day; `worth_minor` in minor units of `money`, None where the bank has not said."""

    available: int
    pending: int
    owed: int
    worth_minor: int | None
    money: str
    expiring: dict[datetime.date, int]
    usable_next: datetime.date | None

    @property
    def next_lapse(self) -> tuple[datetime.date, int] | None:
        """Return the first date after which something lapses, and how much; None if nothing does in the months shown."""
        return next(iter(self.expiring.items()), None)

    @property
    def most(self) -> int:
        """Return the most that lapses on one date, to draw the others beside."""
        return max(self.expiring.values(), default=0)


def read(member: Member, currency: PointCurrency, *, today: datetime.date) -> Holdings:
    """Return the member's points of a currency on `today`; what has lapsed by then is left out, booked or not.

    Three queries: the lots come summed by their last day.
    """
    own = {"member_id": member.pk, "currency_id": currency.pk}
    purse = Purse.objects.filter(**own).first() or Purse(available=0, pending=0, owed=0)
    waiting = Q(available_on__gt=today)
    dates = list(
        Lot.objects.filter(**own, remaining__gt=0)
        .values("expires_on")
        .annotate(
            points=Sum("remaining"),
            pending=Sum("remaining", filter=waiting, default=0),
            usable=Min("available_on", filter=waiting),
        )
        .order_by("expires_on")
    )
    lapsed = [date for date in dates if date["expires_on"] < today]
    until = add_months(today, CALENDAR_MONTHS)
    available = purse.available - sum(date["points"] - date["pending"] for date in lapsed)
    return Holdings(
        available=available,
        pending=purse.pending - sum(date["pending"] for date in lapsed),
        owed=purse.owed,
        worth_minor=None if currency.worth_minor is None else int(available * currency.worth_minor),
        money=Bank.objects.get().currency,
        expiring={date["expires_on"]: date["points"] for date in dates if today <= date["expires_on"] <= until},
        usable_next=min((date["usable"] for date in dates[len(lapsed) :] if date["usable"]), default=None),
    )
