"""Scoring files: how whole and how fresh what the bank knows of a member is, in percents, for lists that sort by it.

Timeliness of one fact is that of Ballou, Wang, Pazer and Tayi, "Modeling information manufacturing systems to determine information
product quality", Management Science 44(4), 1998: max(0, 1 - currency / volatility), here the age over the months until stale.
"""

import datetime
from collections.abc import Sequence
from typing import Any

from django.db import connection

from foundation.querying import statement
from foundation.transactions import in_transaction
from members.consent_texts import REQUIRED
from members.facts import COUNTED

LAST_MEMBER = 2**63 - 1


@in_transaction
def score(
    *,
    as_of: datetime.date,
    members: Sequence[int] | None = None,
    first_member: int = 1,
    last_member: int = LAST_MEMBER,
    seventh: int | None = None,
) -> int:
    """Reckon the files of a range of members, or of those named, as of a day; return how many. One statement, however many.

    With `seventh`, 0 to 6, only of those members whose id leaves that when it is divided by seven.
    """
    if members is not None and not members:
        return 0
    arguments: dict[str, Any] = {
        "codes": [fact.code for fact in COUNTED],
        "weights": [fact.weight for fact in COUNTED],
        "months": [fact.fresh_months or 0 for fact in COUNTED],
        "required": [str(purpose) for purpose in REQUIRED],
        "day": as_of,
        "first": min(members) if members else first_member,
        "last": max(members) if members else last_member,
        "members": list(members) if members else None,
        "seventh": seventh,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("members", "score_files"), arguments)
        return cursor.rowcount
