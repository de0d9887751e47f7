"""What is read of the ledger: balances, and what lapses when. A lapsed lot counts nowhere, booked or not."""

import dataclasses
import datetime
from collections.abc import Collection
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet, Sum
from django.db.models.functions import JSONObject

from foundation.jobs import fencing
from foundation.jobs.models import BusinessDate
from points.models import Lot, Purse


@dataclasses.dataclass(frozen=True, slots=True)
class Balance:
    """A member's points in one currency: to spend, not yet available, held for a partner, owed to the bank; all zero without a purse.
    `frozen`: nothing of it can be spent for now."""

    available: int = 0
    pending: int = 0
    owed: int = 0
    held: int = 0
    frozen: bool = False

    @property
    def total(self) -> int:
        """Return the balance that the entries add up to."""
        return self.available + self.pending + self.held - self.owed


def balances(*, member_ids: Collection[int], today: datetime.date) -> dict[tuple[int, int], Balance]:
    """Return the balance of each purse of the members, by (member, currency), as it may be used on `today`. Four queries."""
    # Up to the last closed date every lapsed lot is booked; only the few days since have to be looked through.
    lapsed = lots_left(member_ids=member_ids).filter(expires_on__lt=today)
    if closed := fencing.last_closed():
        lapsed = lapsed.filter(expires_on__gt=closed)
    waits = Q(available_on__gt=BusinessDate.objects.filter(status=BusinessDate.Status.OPEN).values("date")[:1])
    sums = lapsed.values("member_id", "currency_id").annotate(
        available=Sum("remaining", filter=~waits, default=0), pending=Sum("remaining", filter=waits, default=0)
    )
    gone = {(row["member_id"], row["currency_id"]): row for row in sums.order_by("member_id", "currency_id")}
    nothing = {"available": 0, "pending": 0}
    return {
        purse.pk: Balance(
            available=purse.available - gone.get(purse.pk, nothing)["available"],
            pending=purse.pending - gone.get(purse.pk, nothing)["pending"],
            owed=purse.owed,
            held=purse.held,
            frozen=purse.frozen,
        )
        for purse in Purse.objects.filter(member_id__in=member_ids).order_by("member_id", "currency_id")
    }


def purse(
    *, member_id: int, currency_id: int, today: datetime.date, until: datetime.date
) -> tuple[Balance, dict[datetime.date, int]]:
    """Return a purse's balance as `balances` gives it, and what `expiring` gives from `today` to `until`; one query."""
    rows = Purse.objects.filter(pk=(member_id, currency_id))
    return _with_days(rows, today=today, until=until).get(currency_id, (Balance(), {}))


def purses(
    *, member_id: int, today: datetime.date, until: datetime.date
) -> dict[int, tuple[Balance, dict[datetime.date, int]]]:
    """Return what `purse` gives for each purse of a member, by currency; one query."""
    rows = Purse.objects.filter(member_id=member_id).order_by("currency_id")
    return _with_days(rows, today=today, until=until)


def _with_days(
    rows: QuerySet[Purse], *, today: datetime.date, until: datetime.date
) -> dict[int, tuple[Balance, dict[datetime.date, int]]]:
    """Return balance and lapsing points of one member's purses, by currency."""
    own = Lot.objects.filter(member_id=OuterRef("member_id"), currency_id=OuterRef("currency_id"), remaining__gt=0)
    waits = Q(available_on__gt=BusinessDate.objects.filter(status=BusinessDate.Status.OPEN).values("date")[:1])
    days = (
        own.filter(expires_on__lte=until)
        .values("expires_on")
        .annotate(left=Sum("remaining"), pending=Sum("remaining", filter=waits, default=0))
        .order_by("expires_on")
        .values(day=JSONObject(last="expires_on", left="left", pending="pending"))
    )
    return {found.currency_id: _balance(found, today=today) for found in rows.annotate(days=ArraySubquery(days))}


def _balance(found: Any, *, today: datetime.date) -> tuple[Balance, dict[datetime.date, int]]:
    due = [(datetime.date.fromisoformat(day["last"]), day["left"], day["pending"]) for day in found.days]
    lapsed = [(left, pending) for last, left, pending in due if last < today]
    gone_pending = sum(pending for _left, pending in lapsed)
    balance = Balance(
        available=found.available - sum(left for left, _pending in lapsed) + gone_pending,
        pending=found.pending - gone_pending,
        owed=found.owed,
        held=found.held,
        frozen=found.frozen,
    )
    return balance, {last: left for last, left, _pending in due if last >= today}


def lots_left(*, member_ids: Collection[int]) -> QuerySet[Lot]:
    """Return the members' lots that have anything left."""
    return Lot.objects.filter(member_id__in=member_ids, remaining__gt=0)


def expiring(
    *, member_id: int, currency_id: int, first: datetime.date, last: datetime.date
) -> dict[datetime.date, int]:
    """Return the points of a purse whose last usable day lies between `first` and `last`, by that day, soonest first."""
    lots = lots_left(member_ids=[member_id]).filter(currency_id=currency_id, expires_on__range=(first, last))
    return dict(lots.values_list("expires_on").annotate(points=Sum("remaining")).order_by("expires_on"))
