"""Proving the ledger: each invariant of domain.md §3 is one query that finds the purses that break it."""

import datetime
from typing import Any

from django.db import connection

from foundation.querying import statement

INVARIANTS = (
    "purse_equals_entries",
    "purse_equals_lots",
    "held_equals_holds",
    "lot_equals_allocations",
    "debit_equals_allocations",
    "nothing_below_zero",
    "earn_has_one_cause",
    "nothing_lapsed_remains",
    "numbers_dense",
    "balance_runs",
    "transfers_in_flight",
    "merges_tie",
    "redemption_has_its_entry",
)
# Reads every key of the range, so a night, which proves what it touched, leaves it to the proof of all.
OF_ALL = "entry_has_its_purse"
HIGHEST_MEMBER = 2**63 - 1
FRAME = """
WITH purse AS (
  SELECT * FROM points_purse
   WHERE member_id BETWEEN %(first_member)s AND %(last_member)s
     AND (%(touched_since)s::date IS NULL OR last_booked_on >= %(touched_since)s)),
verdict AS ({invariant})
SELECT count(*) FILTER (WHERE broken) AS violations, count(*) AS checked,
       ARRAY(SELECT DISTINCT member_id || '/' || currency_id FROM verdict WHERE broken ORDER BY 1 LIMIT 5) AS examples{figures}
  FROM verdict
"""
# What an invariant counts besides: transfers whose debit is booked and whose credit is still owed.
FIGURES = {
    "transfers_in_flight": """,
       count(*) FILTER (WHERE in_flight) AS in_flight,
       coalesce(sum(points) FILTER (WHERE in_flight), 0)::bigint AS points_in_flight"""
}


def prove(
    *,
    as_of: datetime.date,
    first_member: int | None = None,
    last_member: int | None = None,
    touched_since: datetime.date | None = None,
) -> dict[str, dict[str, Any]]:
    """Return for each invariant the `violations`, how many were `checked`, and up to 5 `examples` "member/currency"; of the
    transfers also how many, and how many points, are `in_flight`.

    A broken one also says `since`: the first business date on which each example departs from its entries.
    Looks at the purses of members first_member..last_member (None: all) that were booked on since a business date (None:
    ever), as they stand now; what lapsed by the closed date `as_of` must be gone. One statement per invariant.
    """
    arguments = {
        "as_of": as_of,
        "first_member": first_member or 0,
        "last_member": HIGHEST_MEMBER if last_member is None else last_member,
        "touched_since": touched_since,
    }
    names = INVARIANTS if touched_since else (*INVARIANTS, OF_ALL)
    return {name: _proved(name, arguments) for name in names}


def _proved(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    with connection.cursor() as cursor:
        sql = FRAME.replace("{invariant}", statement("points", f"invariants/{name}"))
        cursor.execute(sql.replace("{figures}", FIGURES.get(name, "")), arguments)
        [row] = cursor.fetchall()
        result = dict(zip([column.name for column in cursor.description], row, strict=True))
    return result | {"since": _since(result["examples"])} if result["violations"] else result


def _since(purses: list[str]) -> dict[str, str | None]:
    with connection.cursor() as cursor:
        cursor.execute(statement("points", "first_break"), {"purses": purses})
        return {purse: day and f"{day}" for purse, day in cursor.fetchall()}
