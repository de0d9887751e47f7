"""Releasing: pending points become available on their day."""

import datetime

from foundation.actors import Actor
from foundation.transactions import in_transaction
from points import ledger


@in_transaction
def release(*, as_of: datetime.date, first_member: int, last_member: int, actor: Actor) -> dict[str, int]:
    """Free the pending points of a chunk of members that are available on the day after `as_of`; they pay what is owed first.

    Return the numbers of `purses` looked at and `points` freed. No entry is written, since the balance stays. Refuses an
    `as_of` that is not closing.
    """
    return ledger.figures("SELECT row_to_json(f) FROM points_release(%s, %s, %s) f", as_of, first_member, last_member)
