"""Idling: who has done nothing of his own for the bank's number of months falls asleep, told before; an activity wakes him."""

import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from foundation.actors import Actor
from foundation.messaging.sending import TOPIC
from foundation.querying import statement
from foundation.transactions import in_transaction
from members import preferring, waking
from members.preferences import Topic
from members.states import Reason

NOTICE = "dormancy_notice"
# So long before he falls asleep he is told, once.
NOTICE_DAYS = 30


@in_transaction
def settle(
    *, as_of: datetime.date, first_member: int, last_member: int, at: datetime.datetime, actor: Actor
) -> dict[str, int]:
    """Wake, put to sleep and tell the members of a range as the business date `as_of` closes; return how many of each.

    Nobody falls asleep who was not told 30 days before, once per last act. The same number of statements for one and for many; a
    second run finds all done.
    """
    arguments: dict[str, Any] = {
        "as_of": as_of,
        "first_member": first_member,
        "last_member": last_member,
        "notice_days": NOTICE_DAYS,
        "zone": settings.TIME_ZONE,
        "topic": TOPIC,
        "notice": NOTICE,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("activity", "find_woken"), arguments)
        woken = [member for [member] in cursor.fetchall()]
        if woken:
            waking.wake(woken, reason=Reason.ACTIVITY, on=as_of, at=at, actor=actor)
        cursor.execute(statement("activity", "find_idle"), arguments)
        idle = cursor.fetchall()
    dozing = [member for member, _act, asleep_on in idle if asleep_on and asleep_on <= as_of]
    soon = as_of + datetime.timedelta(days=NOTICE_DAYS)
    telling = {member: f"{NOTICE}/{last_act_on}/{soon}" for member, last_act_on, asleep_on in idle if not asleep_on}
    counts = {
        "woken": len(woken),
        "dormant": len(waking.doze(dozing, on=as_of, at=at, actor=actor)) if dozing else 0,
        "notices": preferring.owe(kind=NOTICE, keys=telling, topic=Topic.MEMBERSHIP, at=at) if telling else 0,
    }
    return {name: count for name, count in counts.items() if count}
