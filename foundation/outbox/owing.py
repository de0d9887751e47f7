"""Owing: writing down, in the change's own transaction, what must follow it."""

import dataclasses
import datetime
import json
import time
from collections.abc import Sequence
from typing import Any

import structlog
from celery import current_app
from django.db import connection, transaction

from foundation.querying import statement
from foundation.transactions import in_transaction

RELAY = "relay"  # the task's name; what is due stands in the table
# By Celery's own measure a broker that is away is tried for six seconds, and one that hangs for ever.
AT_ONCE = {"max_retries": 0, "socket_connect_timeout": 1, "socket_timeout": 1}
SILENT_SECONDS = 30.0
_silent_until = 0.0

log = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Owed:
    """One thing to be owed to a member under a key that names it for ever; `payload` holds no personal data.

    It is due at once, or `not_before` an instant: his quiet hours, say.
    """

    member_id: int
    key: str
    payload: dict[str, Any]
    not_before: datetime.datetime | None = None


@in_transaction
def owe(batch: Sequence[Owed], *, topic: str) -> int:
    """Write one obligation each in one statement, and return how many are new: a key is owed once.

    When the transaction has committed a worker is asked to relay. Nobody needs to hear it: the minute's ring asks again.
    """
    if not batch:
        return 0
    rows = json.dumps(
        [dataclasses.asdict(owed) | {"not_before": owed.not_before and owed.not_before.isoformat()} for owed in batch]
    )
    with connection.cursor() as cursor:
        cursor.execute(statement("foundation.outbox", "owe"), {"topic": topic, "rows": rows})
        written = cursor.rowcount
    if written and not any(entry[1] is _ring for entry in connection.run_on_commit):
        transaction.on_commit(_ring, robust=True)
    return written


def _ring() -> None:
    """Send for a relay; while the broker is away, ask it only now and then, so that no customer waits for it."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    try:
        with current_app.connection_for_write(transport_options=AT_ONCE) as connection_:
            current_app.send_task(RELAY, expires=60, retry=False, connection=connection_)
    except Exception as error:  # Whatever the broker says, the change has committed and its row stands.
        _silent_until = time.monotonic() + SILENT_SECONDS
        log.warning("no ring", task=RELAY, reason=f"{error}")
