"""Lapsing: points whose last day is over leave the purse."""

import datetime

from foundation.actors import Actor
from foundation.transactions import in_transaction
from points import ledger


@in_transaction
def lapse(*, as_of: datetime.date, first_member: int, last_member: int, actor: Actor) -> dict[str, int]:
    """Expire the lots of one chunk of members whose last usable day is `as_of` or earlier, one entry per lot booked on `as_of`.

    Return the numbers of `purses`, `lots` and `points`; a second run finds none. Refuses an `as_of` that is not closing.
    """
    return ledger.figures("SELECT row_to_json(f) FROM points_lapse(%s, %s, %s) f", as_of, first_member, last_member)
