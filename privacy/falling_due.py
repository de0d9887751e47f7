"""What falls due by itself, minute by minute: wishes to be erased whose day has come, copies that are over, destructions decided on."""

import contextlib

from foundation import transactions
from foundation.actors import Actor
from foundation.jobs import clock
from privacy import destroying, erasing, exporting

# A minute's ring destroys so many chunks of a batch at most, so that it never holds anybody up.
MOST_CHUNKS = 10


def settle(*, actor: Actor) -> None:
    """Do what is due, each in its own transaction; done twice, or by two at once, it changes nothing."""
    transactions.commit(exporting.end, at=clock.now())
    today = clock.today()
    for erasure_id in erasing.due(today=today):
        # What came in between the look and the lock bars it: the next ring finds it, and lets it wait.
        with contextlib.suppress(erasing.ErasureBarred):
            transactions.commit(erasing.execute, erasure_id=erasure_id, today=today, at=clock.now(), actor=actor)
    for destruction_id in destroying.approved():
        for _chunk in range(MOST_CHUNKS):
            if not transactions.commit(
                destroying.go_on, destruction_id=destruction_id, today=today, at=clock.now(), actor=actor
            ):
                break
