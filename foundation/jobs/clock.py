"""The database's clock and the bank's business dates: read at the edge, once, and passed on."""

import datetime

from django.db import connection
from django.db.models import DateTimeField, Func

from foundation.periods import day_of


def now() -> datetime.datetime:
    """Return the database's present instant, aware, in UTC (inside a transaction: of its statement, not of its start)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def reading() -> Func:
    """Return the database's present instant as an expression, for a query that is asked anyway."""
    return Func(function="clock_timestamp", output_field=DateTimeField())


def today() -> datetime.date:
    """Return the present calendar date in the bank's zone, by the database's clock."""
    return day_of(now())


def booking_date() -> datetime.date:
    """Return the first open business date, holding the fence (shared) until the transaction ends.

    While it is held no close can begin; everything that is booked must ask here, or in SQL by bank_booking_date(), first.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT bank_booking_date()")
        return cursor.fetchone()[0]
