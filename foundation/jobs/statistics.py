"""The planner's statistics and the BRIN indexes, refreshed where tables have grown much: without them a load is followed by slow plans."""

from django.db import connection, transaction


def refresh() -> int:
    """Analyse every table that changed by a fifth since it was last analysed; return how many. In a transaction of its own."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # Counters reach the shared view with a delay unless they are flushed.
        cursor.execute("SELECT pg_stat_force_next_flush()")
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SELECT bank_refresh_statistics()")
        return cursor.fetchone()[0]
