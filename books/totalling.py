"""Totalling: what a business date moved and what it left, by kind and place, once (docs/adr/0008).

A chunk counts its touched purses; the whole date sums the chunks up. Yesterday's stock and today's movements are today's stock.
"""

import datetime
from typing import Any

from django.db import connection

from books import journalling
from books.models import ChunkTotal, DailyBalance
from foundation.actors import Actor
from foundation.jobs.models import BusinessDate
from foundation.querying import statement
from foundation.transactions import in_transaction
from points.ledger import BusinessDateNotClosing


class TotalsDontTie(Exception):
    """The totals of a date are not those of the entries booked on it; the night stops at this date until somebody has looked."""


@in_transaction
def count(*, business_date: datetime.date, first_member: int, last_member: int, actor: Actor) -> dict[str, int]:
    """Count what the members of one chunk moved on a closing date; return the number of `entries`.

    The first date that is totalled takes every earlier entry, too. A member who changed his branch takes his points along. On a
    date that has its totals nothing changes. Refuses business_date_not_closing.
    """
    if has_totals(business_date):
        return {"entries": 0}
    _refuse_unless_closing(business_date)
    after = last_totalled(before=business_date)
    arguments: dict[str, Any] = {
        "business_date": business_date,
        "first_member": first_member,
        "last_member": last_member,
        "after": after or "-infinity",
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("books", "carry_new"), arguments)
        [[have_moved]] = cursor.fetchall()
        if have_moved:
            cursor.execute(with_pieces("carry_moved", purses="purses_of_moved"), arguments)
        cursor.execute(with_pieces("count_chunk", purses="purses_of_chunk"), arguments)
        return {"entries": sum(entries for [entries] in cursor.fetchall())}


@in_transaction
def total(*, business_date: datetime.date, actor: Actor) -> dict[str, int]:
    """Sum up the chunks of a closing date into its totals, stock, balances and journal; return the number of `entries`.

    A date that has its totals keeps them. Refuses business_date_not_closing; raises TotalsDontTie, naming the currencies.
    """
    if has_totals(business_date):
        return {"entries": 0}
    _refuse_unless_closing(business_date)
    arguments = {"business_date": business_date, "after": last_totalled(before=business_date)}
    with connection.cursor() as cursor:
        for name in ("sum_totals", "sum_stock", "sum_balances"):
            cursor.execute(statement("books", name), arguments)
        cursor.execute(statement("books", "untied"), arguments)
        if untied := [f"{currency}" for [currency] in cursor.fetchall()]:
            raise TotalsDontTie(f"{business_date}: point currency {', '.join(untied)}")
    journalling.write(business_date=business_date, after=arguments["after"])
    ChunkTotal.objects.filter(business_date=business_date).delete()
    return {"entries": sum(DailyBalance.objects.filter(business_date=business_date).values_list("entries", flat=True))}


def last_totalled(*, before: datetime.date | None = None) -> datetime.date | None:
    """Return the last business date that has its totals, if there is one: before a date, where it is given."""
    balances = DailyBalance.objects.all() if before is None else DailyBalance.objects.filter(business_date__lt=before)
    return balances.order_by("-business_date").values_list("business_date", flat=True).first()


def has_totals(business_date: datetime.date) -> bool:
    """Say whether a date has been totalled."""
    return DailyBalance.objects.filter(business_date=business_date).exists()


def with_pieces(name: str, *, purses: str) -> str:
    """Return the SQL of a statement over pieces, with the pieces of the purses that the query `purses` gives put in."""
    pieces = statement("books", "pieces").replace("({purses})", f"({statement('books', purses)})")
    return statement("books", name).replace("{pieces}", pieces)


def _refuse_unless_closing(business_date: datetime.date) -> None:
    if not BusinessDate.objects.filter(pk=business_date, status=BusinessDate.Status.CLOSING).exists():
        raise BusinessDateNotClosing
