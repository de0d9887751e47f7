"""A member's purse as he reads it: what he can use, what it is worth, what is on its way, what lapses when."""

import dataclasses
import datetime

from django.db.models import Q, Sum

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
    """Return the member's points of a currency on `today`; what has lapsed by then is left out, booked or not."""
    own = Q(member_id=member.pk, currency_id=currency.pk)
    purse = Purse.objects.filter(own).first() or Purse(available=0, pending=0, owed=0)
    lots = Lot.objects.filter(own, remaining__gt=0)
    lapsed = lots.filter(expires_on__lt=today).aggregate(
        available=Sum("remaining", filter=Q(available_on__lte=today), default=0),
        pending=Sum("remaining", filter=Q(available_on__gt=today), default=0),
    )
    months = lots.filter(expires_on__range=(today, add_months(today, CALENDAR_MONTHS)))
    available = purse.available - lapsed["available"]
    return Holdings(
        available=available,
        pending=purse.pending - lapsed["pending"],
        owed=purse.owed,
        worth_minor=None if currency.worth_minor is None else int(available * currency.worth_minor),
        money=Bank.objects.get().currency,
        expiring=dict(months.values_list("expires_on").annotate(points=Sum("remaining")).order_by("expires_on")),
        usable_next=lots.filter(available_on__gt=today).order_by("available_on").values_list("available_on", flat=True).first(),
    )
