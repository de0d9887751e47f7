"""Measuring the outbox: what waits, how old the oldest is, what is quarantined."""

import dataclasses

from django.db import connection

from foundation.outbox.subscribing import subscribed
from foundation.querying import statement


@dataclasses.dataclass(frozen=True)
class Measure:
    """A topic's open obligations; `oldest_seconds` is 0 where none waits."""

    topic: str
    waiting: int = 0
    oldest_seconds: float = 0.0
    quarantined: int = 0


def measure() -> list[Measure]:
    """Return a measure per subscribed topic, by name. A topic without a handler is nobody's delay and is left out."""
    topics = sorted(subscribed())
    with connection.cursor() as cursor:
        cursor.execute(statement("foundation.outbox", "measure"), {"topics": topics})
        found = {row[0]: Measure(*row) for row in cursor.fetchall()}
    return [found.get(topic, Measure(topic)) for topic in topics]
