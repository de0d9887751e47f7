"""Choosing what a condition is narrowed to: the codes that the bank has, with their words."""

import datetime
from collections.abc import Sequence

from django.db import connection

from foundation.jobs import fencing
from foundation.naming import worded
from foundation.querying import statement

# So many rows of each kind of fact are looked through, activities of so many days: a code that is rarer is typed.
MOST = 50_000
DAYS = 31


def codes() -> dict[str, Sequence[tuple[str, str]]]:
    """Return the codes of account `classes`, `kinds` of activity and `products` with their words, in order of code; two statements."""
    since = (fencing.last_closed() or datetime.date.min + datetime.timedelta(days=DAYS)) - datetime.timedelta(days=DAYS)
    found: dict[str, Sequence[tuple[str, str]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement("tiers", "codes"), {"most": MOST, "since": since})
        for source, code in cursor.fetchall():
            found[source] = [*found.get(source, ()), (code, worded(code))]
    return found
