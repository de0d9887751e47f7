"""Looking back: a purse as it stood at the end of a past business date, from what was booked until then.

Numbers follow the booking, but dates need not follow numbers: what a night books on D comes after what was booked on D+1 in the
morning. So the balance of D is the sum of what was booked on D or before, never the `balance_after` of one entry. One scan of
the purse's own primary key gives it: 10,000 entries take some milliseconds (docs/explorer.md).
"""

import dataclasses
import datetime

from django.db import connection
from django.db.models import Sum

from foundation.querying import statement
from points.models import Entry


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LotThen:
    """A credit's points as they stood: `left` of `points`, the rest used or lapsed by then."""

    number: int
    booked_on: datetime.date
    expires_on: datetime.date
    available_on: datetime.date
    points: int
    used: int
    expired: int
    left: int


def balances(*, member_id: int, day: datetime.date) -> dict[int, int]:
    """Return the balance of each of a member's purses at the end of a business date, by currency; one query."""
    booked = Entry.objects.filter(member_id=member_id, booked_on__lte=day)
    return dict(booked.values_list("currency_id").annotate(points=Sum("points")).order_by("currency_id"))


def balance(*, member_id: int, currency_id: int, day: datetime.date) -> int:
    """Return the balance of a purse at the end of a business date, below zero by what it owed; one query."""
    booked = Entry.objects.filter(member_id=member_id, currency_id=currency_id, booked_on__lte=day)
    return booked.aggregate(points=Sum("points", default=0))["points"]


def lots(*, member_id: int, currency_id: int, day: datetime.date) -> list[LotThen]:
    """Return the lots of a purse that had anything left at the end of a business date, first to expire first; one query.

    What was on hold then counts as left. Their sum less the balance is what the purse owed.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement("points", "lots_at"), {"member": member_id, "currency": currency_id, "day": day})
        names = [column.name for column in cursor.description]
        return [LotThen(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
