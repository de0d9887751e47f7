"""Reminding: who has points that lapse in 90, 30 or 7 days is owed a word about it, once per lot and step (docs/outbox.md)."""

import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from foundation.actors import Actor
from foundation.querying import statement
from foundation.transactions import in_transaction
from members.preferences import QUIET_FROM, QUIET_UNTIL, REMINDERS, Topic, Way

REMINDER = "points.expiry_reminder"
# Days before the last usable day, the widest first.
STEPS = REMINDERS


@in_transaction
def remind(*, as_of: datetime.date, first_member: int, last_member: int, actor: Actor) -> dict[str, int]:
    """Owe reminders for the lots of a chunk of members as the business date `as_of` closes; return how many `reminders` are new.

    A lot is due for a step when its last day is exactly so many days off. One that was booked on `as_of` nearer to its end than that
    gets the step it stands in at once, and those still ahead in their turn. A lot with nothing left gets none, nor does a closed
    member, nor who has switched that step off; nobody in his quiet hours. Dates are closed one by one, so a night caught up misses
    none; a second run finds them owed.
    """
    widest, middle, nearest = STEPS
    arguments: dict[str, Any] = {
        "topic": REMINDER,
        "as_of": as_of,
        "days": [as_of + datetime.timedelta(days=step) for step in STEPS],
        "horizon": as_of + datetime.timedelta(days=widest),
        "widest": widest,
        "middle": middle,
        "nearest": nearest,
        "first_member": first_member,
        "last_member": last_member,
        "quiet_from": QUIET_FROM,
        "quiet_until": QUIET_UNTIL,
        "zone": settings.TIME_ZONE,
        "every_way": [f"{Topic.POINTS}/{way}" for way in Way],
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("points", "remind"), arguments)
        return {"reminders": cursor.rowcount}
