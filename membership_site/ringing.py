"""The minute's ring: it asks the tables what is due, the night and the outbox, and sends for who does it."""

from collections.abc import Callable

from foundation.outbox import relaying
from membership_site import closing


def ring(*, close: Callable[[], None], relay: Callable[[], None]) -> None:
    """Send for a driver (`close`) where a date is due, and for a `relay` where something owed is; a doubled ring changes nothing."""
    closing.ring(send=close)
    if relaying.is_due():
        relay()
