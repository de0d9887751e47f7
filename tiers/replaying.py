"""Replaying reviews of past dates beside the live tables: with the facts booked by each date, from the standings of the day before.

The evaluator is the night's own (tiers.reviewing.decide); only the tables it reads and writes are the transaction's.
"""

import dataclasses
import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from foundation.jobs.models import Bank
from foundation.querying import statement
from tiers import reviewing, rolling
from tiers.compiling import Ladder
from tiers.models import Series
from tiers.reviewing import Evaluation

DAY = datetime.timedelta(days=1)
APART = -1  # the number of the first series that is not saved; the next is −2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """A decision of a date that a replay and history do not share."""

    member_id: int
    programme: str
    as_of: datetime.date


def number_series(ladder: Ladder) -> None:
    """Give the series of a draft that are not saved numbers below zero, one for each quantity, for as long as it is replayed."""
    unsaved: dict[tuple, Series] = {}
    for condition in ladder.conditions:
        series = condition.series
        if series and not series.pk:
            series = unsaved.setdefault((series.metric, series.currency_id, tuple(series.selection)), series)
            series.pk = series.pk or APART - len(unsaved) + 1
        condition.series = series


def series_apart(ladders: Iterable[Ladder], *, starts_on: datetime.date) -> list[Series]:
    """Return the series whose totals by the facts booked by `starts_on` can't be told from the live ones: not saved, or too young."""
    measured = {one.series.pk: one.series for ladder in ladders for one in ladder.conditions if one.series}
    return [one for one in measured.values() if one.pk < 0 or (one.late_from or one.counted_from) > starts_on]


class Replay:
    """Reviews of first_member <= id <= last_member from `starts_on` on, replayed in tables of the present transaction.

    One at a time in a transaction. Facts count that were booked by each date; of a date before the bank's first business date,
    those that the close of the first one took.
    """

    def __init__(
        self,
        *,
        programmes: Sequence[int],
        ladders: Iterable[Ladder],
        starts_on: datetime.date,
        first_member: int,
        last_member: int,
    ) -> None:
        self.members = {"first_member": first_member, "last_member": last_member}
        self.parameters: dict[str, Any] = {"programmes": list(programmes), "starts_on": starts_on, **self.members}
        self.first_date = Bank.objects.get().first_business_date
        self.carried = max(starts_on, self.first_date) - DAY
        apart = series_apart(ladders, starts_on=self.carried + DAY)
        self.apart = frozenset(one.pk for one in apart)
        with connection.cursor() as cursor:
            cursor.execute(statement("tiers", "stage_replay"))
            cursor.execute(statement("tiers", "begin_replay"), self.parameters)
            cursor.execute("ANALYZE rehearsed_standing")
            for one in apart:
                fields = one._meta.concrete_fields
                names = ", ".join(f"{field.column}" for field in fields)
                values = [
                    self.carried + DAY
                    if field.name == "counted_from"
                    else field.get_db_prep_save(getattr(one, field.attname), connection)
                    for field in fields
                ]
                places = ", ".join(["%s"] * len(values))
                cursor.execute(f"INSERT INTO rehearsed_series ({names}) VALUES ({places})", values)  # noqa: S608 (columns)

    def decide(self, evaluation: Evaluation) -> dict[str, int]:
        """Decide one date, which comes after the last one decided; return how many by reviewing.COUNTS. One statement.

        Where series are kept apart, some more for each night since.
        """
        booked_by = max(evaluation.as_of, self.first_date)
        while self.apart and self.carried < booked_by:
            self.carried += DAY
            rolling.carry_apart(business_date=self.carried, **self.members)
        tables = reviewing.Tables(
            standing="rehearsed_standing", decision="rehearsed_decision", booked_by=booked_by, apart=self.apart
        )
        return reviewing.decide(evaluation, parameters={"run": None, **self.members}, tables=tables)

    def differences(self, *, ends_on: datetime.date) -> list[Difference]:
        """Return the decisions up to `ends_on` that the replay and history do not share."""
        with connection.cursor() as cursor:
            cursor.execute(statement("tiers", "compare_replay"), self.parameters | {"ends_on": ends_on})
            return [
                Difference(member_id=member, programme=code, as_of=as_of) for member, code, as_of in cursor.fetchall()
            ]

    def count_differences(self, *, ends_on: datetime.date) -> int:
        """Return how many decisions up to `ends_on` the replay and history do not share."""
        with connection.cursor() as cursor:
            counted = f"SELECT count(*) FROM ({statement('tiers', 'compare_replay')}) AS different"  # noqa: S608 (our own file)
            cursor.execute(counted, self.parameters | {"ends_on": ends_on})
            return cursor.fetchone()[0]
