"""Releasing: pending points become available on their day."""

import datetime

from foundation.actors import Actor
from foundation.transactions import in_transaction
from points import ledger


@in_transaction
def release(*, as_of: datetime.date, first_member: int, last_member: int, actor: Actor) -> dict[str, int]:
    """Free the pending points of one chunk of members that are available on the day after `as_of`; they first pay what is owed.

    Return the numbers of `purses` looked at and `points` freed. No entry is written: the balance stays. Refuses an `as_of` that
    is not closing.
    """
    return ledger.called("points_release", as_of, first_member, last_member)
