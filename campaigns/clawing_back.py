"""Clawing back what a reversed activity has earned: one statement for a night's reversals and for those taken on line (docs/refunds.md)."""

import dataclasses
import datetime
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import connection

from activity import recording, waking
from activity.models import Reversal
from activity.reports import ReversalReport
from foundation.actors import Actor
from foundation.querying import statement
from foundation.transactions import in_transaction
from members.models import StatusChange
from points import ledger
from points.models import Kind

# The outcomes of recording after which a reversal stands, and may have taken points.
STANDING = {"recorded", "duplicate"}
# What the ledger answers to a clawback that stands in it.
BOOKED = {"posted", "duplicate"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TakeAnswer:
    """What became of a report (an outcome of activity.recording), and by currency code the points taken back.

    `refused` holds the points, and the reason, that were not: they could not be taken where the currency refuses that, or the
    membership is closed.
    """

    outcome: str
    taken: dict[str, int]
    refused: dict[str, tuple[int, str]]


@in_transaction
def claw_back(*, business_date: datetime.date, first_member: int, last_member: int, actor: Actor) -> dict[str, int]:
    """Take back what the reversals of a member range, booked on `business_date`, reverse; answer clawbacks by outcome.

    The night's step after earning: done again it books nothing. It first wakes the parked reversals whose activity is there.
    """
    members = {"first_member": first_member, "last_member": last_member}
    woken = waking.wake_arrived(business_date=business_date, **members, actor=actor)
    counts = {"woken": woken} if woken else {}
    if Reversal.objects.filter(member_id__range=(first_member, last_member), booked_on=business_date).exists():
        counts |= _claw_back(
            "reversals_of_night", actor=actor, on=business_date, business_date=business_date, **members
        )
    if StatusChange.objects.lifted(business_date=business_date, **members).exists():
        # What was reversed while its member was suspended has earned only now.
        lifted = _claw_back("reversals_lifted", actor=actor, on=business_date, business_date=business_date, **members)
        counts = dict(Counter(counts) + Counter(lifted))
    return counts


@in_transaction
def claw_back_taken(*, actor: Actor) -> dict[str, int]:
    """Take back what the reversals reverse that this transaction has recorded; answer clawbacks by outcome.

    What has not earned yet is left to the night that earns on it.
    """
    return _claw_back("reversals_taken", actor=actor)


@in_transaction
def take(reports: Sequence[ReversalReport], *, actor: Actor) -> list[TakeAnswer]:
    """Record reversals and take back at once what their activities have earned; answer report by report, in order.

    A duplicate answers what its first report has taken until now: nothing yet, if the activity waits for the night. Some fifteen
    statements, however many reports.
    """
    outcomes = recording.record_reversals(reports, actor=actor)
    if "recorded" in outcomes:
        claw_back_taken(actor=actor)
    taken: dict[int, dict[str, int]] = {}
    refused: dict[int, dict[str, tuple[int, str]]] = {}
    if STANDING & set(outcomes):
        with connection.cursor() as cursor:
            cursor.execute(statement("campaigns", "read_clawed"))
            for place, currency, points, reason in cursor.fetchall():
                if reason:
                    refused.setdefault(place, {})[currency] = (points, reason)
                else:
                    taken.setdefault(place, {})[currency] = points
    return [
        TakeAnswer(outcome=outcome, taken=taken.get(place, {}), refused=refused.get(place, {}))
        for place, outcome in enumerate(outcomes)
    ]


def _claw_back(reversals: str, *, actor: Actor, on: datetime.date | None = None, **parameters: Any) -> dict[str, int]:
    """Post what the reversals of a query (a file of campaigns/sql) take; list what the ledger refuses; write off where that is asked."""
    ledger.stage()
    sql = statement("campaigns", "claw_back").replace("{reversals}", statement("campaigns", reversals))
    sql = sql.replace("{lifted}", statement("campaigns", "lifted"))
    with connection.cursor() as cursor:
        cursor.execute(sql, {"clawback": Kind.CLAWBACK} | parameters)
        if not cursor.rowcount:
            return {}
        counts = ledger.post_staged(actor=actor, business_date=on)
        if counts.keys() - BOOKED:
            cursor.execute(statement("campaigns", "list_refused"))
        cursor.execute(statement("campaigns", "write_off"), {"adjust": Kind.ADJUST})
        if cursor.rowcount:
            counts["written_off"] = ledger.post_staged(actor=actor, business_date=on).get("posted", 0)
    return counts
