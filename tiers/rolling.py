"""Rolling up: carrying what was booked on a business date into the members' running totals (docs/adr/0003)."""

import datetime
from typing import Any

from django.db import connection, transaction
from django.db.backends.postgresql.psycopg_any import NumericRange

from foundation.actors import Actor
from foundation.querying import statement
from foundation.transactions import in_transaction
from tiers.models import RolledUp

LARGEST_ID = 2**63 - 1


@in_transaction
def roll_up(*, business_date: datetime.date, first_member: int, last_member: int, actor: Actor) -> dict[str, int]:
    """Carry the facts booked on `business_date` into the running totals of first_member <= id <= last_member.

    Business dates come in order. By how much that changes earlier days is kept too, as late jumps. Returns {"rows": running
    totals written}. The same range and date again changes nothing; a range that overlaps one rolled up for the date breaks the
    constraint members_rolled_up_once_per_business_date.
    """
    members = NumericRange(first_member, None if last_member == LARGEST_ID else last_member + 1)
    if RolledUp.objects.filter(business_date=business_date, members=members).exists():
        return {"rows": 0}
    RolledUp.objects.create(business_date=business_date, members=members)
    rows = _carry(
        "choose_afresh",
        keep_late=True,
        business_date=business_date,
        first_member=first_member,
        last_member=last_member,
    )
    return {"rows": rows}


@in_transaction
def rebuild(*, business_date: datetime.date, first_member: int, last_member: int, actor: Actor) -> dict[str, int]:
    """Compute the running totals of first_member <= id <= last_member from all facts booked by `business_date`, the last rolled up.

    Returns {"rows": running totals that were wrong, missing or too many, and now are right}. Late jumps stay: they say what each
    night changed, whatever the totals have become since.
    """
    return {
        "rows": _carry("choose_all", business_date=business_date, first_member=first_member, last_member=last_member)
    }


@in_transaction
def check(*, business_date: datetime.date, first_member: int, last_member: int) -> int:
    """Count the running totals that `rebuild` would put right, and leave them as they are."""
    with transaction.atomic():
        wrong = _carry("choose_all", business_date=business_date, first_member=first_member, last_member=last_member)
        transaction.set_rollback(True)
    return wrong


@in_transaction
def carry_apart(*, business_date: datetime.date, first_member: int, last_member: int) -> None:
    """Carry a night's facts into the tables of a replay, rehearsed_total by the series in rehearsed_series, as its roll-up would have."""
    _carry("choose_afresh", apart=True, business_date=business_date, first_member=first_member, last_member=last_member)


def _carry(choose: str, *, apart: bool = False, keep_late: bool = False, **parameters: Any) -> int:
    """Stage the changes that the facts make, apply them, and return how many running totals that changed."""

    def worded(name: str) -> str:
        text = statement("tiers", name)
        if apart:
            text = text.replace("tiers_series", "rehearsed_series").replace("tiers_runningtotal", "rehearsed_total")
        return text

    with connection.cursor() as cursor:
        cursor.execute(statement("tiers", "stage_roll_up"))
        cursor.execute(worded(choose), parameters)
        if cursor.rowcount:
            cursor.execute("ANALYZE tiers_afresh")
        for jump in ("jump_points", "jump_activities", "jump_holdings", "jump_assets"):
            cursor.execute(worded(jump), parameters)
        cursor.execute("ANALYZE tiers_jump")
        if keep_late:
            cursor.execute(statement("tiers", "keep_late"), parameters)
        cursor.execute(worded("apply_jumps"))
        return cursor.fetchone()[0]
