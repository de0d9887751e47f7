"""Stating an account of a purse, month by month: what it held before, what moved, what it held after, and what lapses next.

A month's entries are those booked in it, so that a statement once given never changes when a fact comes late.
"""

import dataclasses
import datetime
import itertools
from collections.abc import Sequence

from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth
from django.utils.translation import gettext_lazy as _

from foundation.periods import add_months, month_end
from foundation.refusals import Refusal
from points import looking_back
from points.models import Entry, Kind, PointCurrency

EXPIRING_MONTHS = 12


class NoStatement(Refusal):
    code = "no_statement"
    status = 404
    sentence = _("There is no statement of that month.")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month of a purse: its first day, the balance before and after it, and how many entries were booked in it."""

    first_day: datetime.date
    opening: int
    closing: int
    entries: int

    @property
    def key(self) -> str:
        """Return the month as 2026-11."""
        return f"{self.first_day:%Y-%m}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An entry and the balance after it, in the order of booking dates."""

    entry: Entry
    balance: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A purse's month, as it stood at the end of `last_day` (the month's last, or today while it runs).

    opening + Σ sums = closing; `expiring` are points by last usable day, within a year; `owed` is what clawbacks could not take.
    """

    currency: PointCurrency
    first_day: datetime.date
    last_day: datetime.date
    is_final: bool
    opening: int
    closing: int
    owed: int
    sums: dict[Kind, int]
    lines: list[Line]
    expiring: dict[datetime.date, int]

    @property
    def key(self) -> str:
        """Return the month as 2026-11."""
        return f"{self.first_day:%Y-%m}"

    @property
    def entries(self) -> list[Entry]:
        """Return the entries of its lines."""
        return [line.entry for line in self.lines]


def month_of(text: str) -> datetime.date:
    """Return the first day of a month written as 2026-11; refuses no_statement for anything else."""
    try:
        if len(text) != 7:
            raise ValueError
        return datetime.date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise NoStatement(field="month") from error


def months(*, member_id: int, currency_id: int, today: datetime.date) -> list[Month]:
    """Return every month from the purse's first entry to that of `today`, the newest first; one query."""
    own = Entry.objects.filter(member_id=member_id, currency_id=currency_id).annotate(month=TruncMonth("booked_on"))
    booked = {
        row["month"]: row
        for row in own.values("month").annotate(moved=Sum("points"), entries=Count("number")).order_by("month")
    }
    told: list[Month] = []
    balance, first_day = 0, next(iter(booked), None)
    while first_day and first_day <= max(today, *booked):
        row = booked.get(first_day, {"moved": 0, "entries": 0})
        told.append(Month(first_day=first_day, opening=balance, closing=balance + row["moved"], entries=row["entries"]))
        balance, first_day = balance + row["moved"], add_months(first_day, 1)
    return told[::-1]


def statement(
    *,
    member_id: int,
    currency: PointCurrency,
    month: datetime.date,
    today: datetime.date,
    closed: datetime.date | None,
) -> Statement:
    """Return the statement of the month that begins on `month`; `closed` is the last closed business date. Three queries.

    Refuses no_statement for a month before the purse's first entry or after today's.
    """
    last_day = min(month_end(month), max(today, month))
    own = Entry.objects.filter(member_id=member_id, currency_id=currency.pk)
    entries = list(own.filter(booked_on__range=(month, month_end(month))).order_by("booked_on", "number"))
    opening = looking_back.balance(member_id=member_id, currency_id=currency.pk, day=month - datetime.timedelta(days=1))
    if (month > today and not entries) or (
        not entries and not opening and not own.filter(booked_on__lt=month).exists()
    ):
        raise NoStatement(field="month")
    balances = itertools.accumulate((entry.points for entry in entries), initial=opening)
    lines = [Line(entry=entry, balance=balance) for entry, balance in zip(entries, list(balances)[1:], strict=True)]
    closing = lines[-1].balance if lines else opening
    lots = (
        looking_back.lots(member_id=member_id, currency_id=currency.pk, day=month_end(month))
        if currency.kind == PointCurrency.Kind.REWARD
        else []
    )
    return Statement(
        currency=currency,
        first_day=month,
        last_day=last_day,
        is_final=closed is not None and closed >= month_end(month),
        opening=opening,
        closing=closing,
        owed=max(sum(lot.left for lot in lots) - closing, 0),
        sums=_sums(entries),
        lines=lines,
        expiring=_expiring(lots, after=last_day),
    )


def _sums(entries: Sequence[Entry]) -> dict[Kind, int]:
    """Return what moved by kind, in the order of kinds, without those that nothing moved by."""
    sums: dict[Kind, int] = {}
    for entry in sorted(entries, key=lambda entry: entry.kind):
        sums[Kind(entry.kind)] = sums.get(Kind(entry.kind), 0) + entry.points
    return sums


def _expiring(lots: Sequence[looking_back.LotThen], *, after: datetime.date) -> dict[datetime.date, int]:
    """Return what was left in lots whose last usable day comes within a year after a day, by that day."""
    until = add_months(after, EXPIRING_MONTHS)
    due = [lot for lot in lots if after <= lot.expires_on <= until]
    return {
        day: sum(lot.left for lot in group) for day, group in itertools.groupby(due, key=lambda lot: lot.expires_on)
    }
