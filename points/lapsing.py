"""Lapsing: points whose last day is over, or whose owner has done nothing for long, leave the purse."""

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


@in_transaction
def lapse_inactive(*, as_of: datetime.date, first_member: int, last_member: int, actor: Actor) -> dict[str, int]:
    """Expire what a chunk of members has in currencies that lapse by inactivity, one entry per lot booked on `as_of`.

    Members whose last activity known by the close of `as_of` lies so many months back, clipped, as the currency says lose the lots
    that they were given as long ago. Return the numbers of `purses`, `lots` and `points`; a second run finds none, and a bank
    without such a currency pays one look. Refuses an `as_of` that is not closing.
    """
    return ledger.figures(
        "SELECT row_to_json(f) FROM points_lapse_inactive(%s, %s, %s) f", as_of, first_member, last_member
    )
