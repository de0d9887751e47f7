"""Recounting: the totals that the nights added up are held against a count of all entries."""

import datetime
from typing import Any

from django.db import connection

from books.totalling import last_totalled, with_pieces
from foundation.querying import statement


def recount(*, as_of: datetime.date) -> dict[str, Any]:
    """Return how many control totals and places don't tie (`violations`), how many were `checked`, and up to 5 `examples`.

    Looks at every date's control totals, and at the stock of the last date totalled by `as_of`, place by place; of an earlier date
    than the last without the branches, since members may have changed theirs. Two statements, and two for the dates.
    """
    date = last_totalled(before=as_of + datetime.timedelta(days=1))
    if date is None:
        return {"violations": 0, "checked": 0, "examples": []}
    found = []
    with connection.cursor() as cursor:
        for sql in (statement("books", "recount_days"), with_pieces("recount_places", purses="purses_of_all")):
            cursor.execute(sql, {"business_date": date, "by_branch": date == last_totalled()})
            found += cursor.fetchall()
    violations, checked, examples = zip(*found, strict=True)
    return {
        "violations": sum(violations),
        "checked": sum(checked),
        "examples": [one for some in examples for one in some][:5],
    }
