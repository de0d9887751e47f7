"""Months of lots: each month in which points expire has a partition of its own."""

import datetime

from django.db import connection

from foundation.transactions import in_transaction


@in_transaction
def ensure(*, first: datetime.date, last: datetime.date) -> int:
    """Make the missing months of lots from the month of `first` to that of `last` (50 years at most), and return how many.

    It stops neither readers nor writers; two makers wait for each other until commit, so the edge calls it in a transaction of
    its own. Posting makes a month that is missing all the same.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT points_ensure_partitions(%s, %s)", [first, last])
        return cursor.fetchone()[0]
