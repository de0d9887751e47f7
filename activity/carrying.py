"""Carrying what the bank reported of one record of a person over to the other (docs/merging.md).

Facts are never edited: balances and holdings are reported once more, for the record that has the accounts from now on. Activities stay
where they are; only what waits for its activity waits at the other record.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from activity.models import ParkedReversal
from foundation.actors import Actor
from foundation.jobs import clock
from foundation.querying import statement
from foundation.transactions import in_transaction


@in_transaction
def carry(*, giver_id: int, taker_id: int, accounts: Sequence[int], is_back: bool, actor: Actor) -> dict[str, int]:
    """Report the balances of these accounts and the holdings of one record for the other, booked on the first open date.

    Going back (`is_back`), only what was the taker's before the merge. Returns how many `snapshots` and `holdings` that made,
    and how many parked reversals wait elsewhere now (`parked`). Four statements, however many facts.
    """
    parameters: dict[str, Any] = {
        "giver": giver_id,
        "taker": taker_id,
        "accounts": list(accounts),
        "is_back": is_back,
        "booking_date": clock.booking_date(),
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("activity", "carry_snapshots"), parameters)
        snapshots = cursor.rowcount
        cursor.execute(statement("activity", "carry_holdings"), parameters)
        holdings = cursor.rowcount
    # Nothing that a merge moved can be told from what came since, so that what waits stays with the record that stays.
    waiting = ParkedReversal.objects.filter(member_id=giver_id, outcome=ParkedReversal.Outcome.PARKED)
    parked = 0 if is_back else waiting.update(member_id=taker_id)
    return {"snapshots": snapshots, "holdings": holdings, "parked": parked}
