"""What activities earn: one evaluator for a night's facts and for those taken on line (docs/earning.md)."""

import dataclasses
import datetime
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import connection

from activity import recording, waking
from activity.reports import ActivityReport
from campaigns import clawing_back
from foundation.actors import Actor
from foundation.querying import statement
from foundation.transactions import Again, in_transaction
from members.states import State
from points import ledger
from points.models import Kind

# The outcomes of recording after which an activity stands, and may have earned.
STANDING = {"recorded", "duplicate"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TakeAnswer:
    """What became of a report (an outcome of activity.recording), and the points it has earned, by currency code."""

    outcome: str
    earned: dict[str, int]


@in_transaction
def earn(*, business_date: datetime.date, first_member: int, last_member: int, actor: Actor) -> dict[str, int]:
    """Book what the activities of a member range earn that are booked on `business_date`; answer postings by outcome.

    The night's step: done again it books nothing. Activities that earned on line are left out. What suspended members did is counted
    as `suspended` and waits; what those did meanwhile whose suspension has ended earns now, by the rules of its day.
    """
    night: dict[str, Any] = {"business_date": business_date, "first_member": first_member, "last_member": last_member}
    with connection.cursor() as cursor:
        cursor.execute(statement("campaigns", "at_hand"), night)
        [[is_waiting, suspended, is_lifted]] = cursor.fetchall()
    counts = Counter({State.SUSPENDED.value: suspended} if suspended else {})
    if is_waiting:
        counts.update(_earn("activities_of_night", actor=actor, on=business_date, **night))
    if is_lifted:
        counts.update(_earn("activities_lifted", actor=actor, on=business_date, **night))
    return dict(counts)


@in_transaction
def take(reports: Sequence[ActivityReport], *, actor: Actor) -> list[TakeAnswer]:
    """Record activities and earn on them at once; answer report by report, in order.

    A duplicate answers what its first report has earned until now: nothing yet, if that waits for the night. Reversals that
    waited for these activities take their points back at once. Some ten statements, however many reports.
    """
    outcomes = recording.record_activities(reports, earned_at_once=True, actor=actor)
    if "recorded" in outcomes:
        woken = waking.wake_reported(actor=actor)
        _earn("activities_taken", actor=actor)
        if woken:
            clawing_back.claw_back_taken(actor=actor)
    earned: dict[int, dict[str, int]] = {}
    if STANDING & set(outcomes):
        with connection.cursor() as cursor:
            cursor.execute(statement("campaigns", "read_earned"))
            for place, currency, points in cursor.fetchall():
                earned.setdefault(place, {})[currency] = points
    return [TakeAnswer(outcome=outcome, earned=earned.get(place, {})) for place, outcome in enumerate(outcomes)]


def _earn(activities: str, *, actor: Actor, on: datetime.date | None = None, **parameters: Any) -> dict[str, int]:
    """Post what the activities of a query earn, booked `on` a date that is closing or on the open one; return postings by outcome.

    Where a member was suspended between the look at him and the posting, what he had left of his caps would be used up for nothing:
    all is done once more.
    """
    ledger.stage()
    _evaluate(activities, **parameters)
    counts = ledger.post_staged(actor=actor, business_date=on)
    if counts.get(State.SUSPENDED):
        raise Again
    return counts


def _evaluate(activities: str, **parameters: Any) -> None:
    """Write what the activities of a query (a file of campaigns/sql) earn into the staged postings, cut to the caps.

    A bank whose rules cap no day or month and give no bonus for the first time pays nothing for either.
    """
    with connection.cursor() as cursor:
        cursor.execute(_composed("evaluate", activities), {"earn": Kind.EARN} | parameters)
        [[has_caps, has_bonuses]] = cursor.fetchall()
        if has_caps:
            cursor.execute(statement("campaigns", "open_caps"))
            if cursor.rowcount:
                cursor.execute(statement("campaigns", "cap"))
        if has_bonuses:
            cursor.execute(_composed("first_time", activities), {"bonus": Kind.BONUS} | parameters)


def _composed(name: str, activities: str) -> str:
    """Return a statement with the pieces it shares with others put in."""
    sql = statement("campaigns", name)
    for piece, of in (("taken", "taken"), ("activities", activities), ("lifted", "lifted"), ("tier", "tier_before")):
        sql = sql.replace(f"{{{piece}}}", statement("campaigns", of))
    return sql
