"""The minute's ring: it asks the tables what is due, the night and the outbox, and sends for who does it; what is over, it ends itself."""

from collections.abc import Callable

from foundation import transactions
from foundation.access import ending, grants
from foundation.actors import Actor
from foundation.approvals import expiring
from foundation.idempotency import purging
from foundation.jobs import clock
from foundation.outbox import relaying
from importing import sending, uploading
from members import joining, leaving, verifying, waking
from membership_site import closing
from points import holding, reserving
from privacy import falling_due
from tiers import rehearsing

RING = Actor.job("ring")


def ring(*, close: Callable[[], None], relay: Callable[[], None]) -> None:
    """Send for a driver (`close`) where a date is due, and for a `relay` where something owed is; a doubled ring changes nothing.

    Rehearsals and imports that nobody goes on with are sent for as well. Requests that nobody decided, kept answers, enrolments, codes,
    tokens, rows of imports, holds, coolings-off and memberships whose members leave, whose time is over, end here.
    """
    closing.ring(send=close)
    if relaying.is_due():
        relay()
    for rehearsal_id in transactions.commit(rehearsing.idle):
        rehearsing.send(rehearsal_id)
    for import_id in transactions.commit(sending.idle):
        sending.send(import_id)
    transactions.commit(expiring.expire, at=clock.now(), actor=RING)
    transactions.commit(purging.purge, at=clock.now())
    transactions.commit(joining.forget, at=clock.now())
    transactions.commit(verifying.forget, at=clock.now())
    transactions.commit(uploading.forget, at=clock.now())
    transactions.commit(ending.forget, at=clock.now())
    transactions.commit(waking.end_cooling_off, at=clock.now())
    while transactions.commit(leaving.close_due, at=clock.now(), actor=RING) == leaving.AT_ONCE:
        pass
    falling_due.settle(actor=RING)
    grants.forget()
    while transactions.commit(reserving.lapse, at=clock.now(), today=clock.today(), actor=RING) == holding.AT_ONCE:
        pass
