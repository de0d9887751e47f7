"""Purging: answers that are kept no longer."""

import datetime

from foundation.idempotency.answering import KEPT
from foundation.idempotency.models import KeptAnswer
from foundation.transactions import in_transaction

# A minute's ring deletes so many at most, so that it never holds anybody up.
MOST = 10_000


@in_transaction
def purge(*, at: datetime.datetime) -> int:
    """Delete the oldest answers that count no more at `at`, MOST at most, in one statement; return how many."""
    old = KeptAnswer.objects.filter(answered_at__lte=at - KEPT).order_by("answered_at")
    deleted, _each = KeptAnswer.objects.filter(pk__in=old.values("pk")[:MOST]).delete()
    return deleted
