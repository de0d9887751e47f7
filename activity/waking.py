"""Waking parked reversals: those whose activity has arrived are recorded, or refused where everybody can see it."""

import datetime
from collections.abc import Callable
from typing import Any

from django.db import connection

from foundation.actors import Actor
from foundation.jobs import clock
from foundation.querying import statement
from foundation.transactions import in_transaction


@in_transaction
def wake_reported(*, actor: Actor) -> int:
    """Wake what waits for an activity that this transaction has just recorded; return how many reversals that recorded.

    One statement where nothing waits. Call it before purses are locked: it locks members.
    """
    return _wake("parked_of_reported", clock.booking_date)


@in_transaction
def wake_arrived(*, business_date: datetime.date, first_member: int, last_member: int, actor: Actor) -> int:
    """Wake what waits of a range of members and whose activity is there, booked by `business_date`, which is closing.

    Return how many reversals that recorded. The night's second look, for an activity and a reversal that came at once, neither
    seeing the other. One statement where nothing waits.
    """
    return _wake(
        "parked_arrived",
        lambda: business_date,
        business_date=business_date,
        first_member=first_member,
        last_member=last_member,
    )


def _wake(waiting: str, booking_date: Callable[[], datetime.date], **parameters: Any) -> int:
    """Stage the rows of the parked list that a query (a file of activity/sql) gives, and judge them like fresh reports."""
    with connection.cursor() as cursor:
        cursor.execute(statement("activity", waiting), parameters)
        ids = [parked for [parked] in cursor.fetchall()]
        if not ids:
            return 0
        cursor.execute(statement("activity", "stage_reversals"))
        cursor.execute(statement("activity", "take_up_parked"), {"ids": ids})
        cursor.execute(statement("activity", "lock_reversers"))
        cursor.execute(statement("activity", "record_reversals"), {"booking_date": booking_date()})
        cursor.execute(statement("activity", "settle_parked"))
        cursor.execute("SELECT count(*) FROM reversal_stage WHERE outcome = 'recorded'")
        return cursor.fetchone()[0]
