"""Repeating: a review of a past date made again, to see that it gives what was decided."""

import datetime

from foundation.transactions import in_transaction
from tiers import reviewing
from tiers.compiling import ladders_in_force
from tiers.replaying import Difference, Replay


@in_transaction
def review_again(*, as_of: datetime.date, first_member: int, last_member: int) -> list[Difference]:
    """Repeat the review of `as_of` for first_member <= id <= last_member; return where it does not give the stored decision, or none.

    It sees the facts booked by that date, the rule books then in force, and the standings of the day before by decisions. The live
    tables stay as they are. A constant number of statements, however many members.
    """
    ladders = ladders_in_force(as_of=as_of)
    replay = Replay(
        programmes=[ladder.rule_book.programme_id for ladder in ladders],
        ladders=ladders,
        starts_on=as_of,
        first_member=first_member,
        last_member=last_member,
    )
    if evaluation := reviewing.due(ladders, as_of=as_of):
        replay.decide(evaluation)
    return replay.differences(ends_on=as_of)
