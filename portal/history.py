"""A member's entries as he reads them: newest first, in months with their totals, one page at a time."""

import dataclasses
import datetime
import itertools
from collections.abc import Sequence
from typing import Self

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import TruncMonth

from foundation.periods import month_end
from points.models import Entry

PAGE = 25


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Where a page ends: the day and number of its last entry; numbers alone follow the booking, and late facts come late."""

    occurred_on: datetime.date
    number: int

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the place written as 2026-11-21.48, or None for anything else."""
        day, _, number = text.partition(".")
        try:
            return cls(occurred_on=datetime.date.fromisoformat(day), number=int(number))
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.occurred_on}.{self.number}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Month:
    """A month's entries on this page, with the whole month's totals; `goes_on`: its heading stands on the page before."""

    first_day: datetime.date
    credited: int
    debited: int
    entries: list[Entry]
    goes_on: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """Months newest first, and the place to go on from, None at the end."""

    months: list[Month]
    entries: list[Entry]
    next: Place | None


def entries_of(*, member_id: int, currency_id: int) -> QuerySet[Entry]:
    """Return a purse's entries, newest day first; the purse's own index finds them, and they are few enough to sort."""
    return Entry.objects.filter(member_id=member_id, currency_id=currency_id).order_by("-occurred_on", "-number")


def page(*, member_id: int, currency_id: int, after: Place | None = None, size: int = PAGE) -> Page:
    """Read one page of a purse's history after a place (None: from the newest), in two queries."""
    entries = entries_of(member_id=member_id, currency_id=currency_id)
    if after:
        entries = entries.filter(
            Q(occurred_on=after.occurred_on, number__lt=after.number) | Q(occurred_on__lt=after.occurred_on)
        )
    rows = list(entries[: size + 1])
    shown = rows[:size]
    totals = _totals(member_id, currency_id, shown)
    months = [
        Month(
            first_day=first_day,
            credited=totals[first_day][0],
            debited=totals[first_day][1],
            entries=list(group),
            goes_on=bool(after) and after.occurred_on.replace(day=1) == first_day,
        )
        for first_day, group in itertools.groupby(shown, key=lambda entry: entry.occurred_on.replace(day=1))
    ]
    last = shown[-1] if len(rows) > size else None
    return Page(
        months=months, entries=shown, next=Place(occurred_on=last.occurred_on, number=last.number) if last else None
    )


def _totals(member_id: int, currency_id: int, shown: Sequence[Entry]) -> dict[datetime.date, tuple[int, int]]:
    """Return the points credited and debited in each whole month of the entries shown, by the month's first day."""
    if not shown:
        return {}
    window = (shown[-1].occurred_on.replace(day=1), month_end(shown[0].occurred_on))
    rows = (
        Entry.objects.filter(member_id=member_id, currency_id=currency_id, occurred_on__range=window)
        .annotate(month=TruncMonth("occurred_on"))
        .values("month")
        .annotate(
            credited=Sum("points", filter=Q(points__gt=0), default=0),
            debited=Sum("points", filter=Q(points__lt=0), default=0),
        )
        .order_by("month")
    )
    return {row["month"]: (row["credited"], row["debited"]) for row in rows}
