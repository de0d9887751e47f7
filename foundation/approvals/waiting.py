"""What waits for somebody's decision."""

import datetime

from foundation.access import roles, visibility
from foundation.access.models import User
from foundation.approvals.kinds import registered
from foundation.approvals.models import Request

# More than this many are not counted one by one.
COUNTED = 99


def count_for(user: User, *, on: datetime.date, at: datetime.datetime) -> int | None:
    """Return how many requests wait for this user, COUNTED + 1 at most; None, without a statement, where he decides on nothing."""
    held = roles.permissions(visibility.postings(user, on=on))
    if not any(kind.permission_to_decide in held for kind in registered()):
        return None
    waiting = Request.objects.for_decision_by(user, on=on).waiting(at=at)
    return len(waiting.values_list("pk")[: COUNTED + 1])
