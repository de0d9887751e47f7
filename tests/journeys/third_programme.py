"""A third programme over the Berka data, its tiers worked out with Python alone: nothing of the product is imported here.

Growth points are earned and taken back as the points of second_programme.py are, in the same nights, and count on the day of their
activity. The rules:

- On the last day of each month everybody is reviewed, by his growth points of the last 6 months that the bank knew of by then: the days
  after the same day (or the last) of the month 6 months before.
- Silver, gold, platinum, diamond ask for ENTER points; who stands at a tier keeps it, and reaches those below, by KEEP points.
- A higher tier is given at once, and is valid to the end of the month 3 months on (diamond: 1 month).
- The review at the end of the validity renews it for as long again where the points reach the tier. Else grace begins: 60 days from then,
  of silver 90, of diamond none. A review in grace that finds the points renews from its own date; the first one after it takes one
  step down, and the tier below is valid from then.
"""

import calendar
import dataclasses
import datetime
from collections import defaultdict
from pathlib import Path

from tests.journeys import second_programme

TIERS = ("standard", "silver", "gold", "platinum", "diamond")
ENTER = (0, 250, 750, 1500, 2500)
KEEP = (0, 200, 600, 1200, 2000)
VALID = (0, 3, 3, 3, 1)
GRACE = (0, 90, 60, 60, 0)


@dataclasses.dataclass(frozen=True)
class Decision:
    """What a review decided: tiers by name, dates or None."""

    account: str
    as_of: datetime.date
    outcome: str
    before: str
    after: str
    valid_until: datetime.date | None
    grace_until: datetime.date | None


@dataclasses.dataclass
class Member:
    rank: int = 0
    valid_until: datetime.date | None = None
    grace_until: datetime.date | None = None

    def review(self, points: int, day: datetime.date) -> str | None:
        """Move as the rules say; return the outcome, None where nothing changes."""
        reached = max(rank for rank in range(len(TIERS)) if points >= (KEEP if rank <= self.rank else ENTER)[rank])
        if reached > self.rank:
            self._stand(reached, day)
            return "upgraded"
        if self.rank == 0:
            return None
        if reached == self.rank:
            if self.grace_until is None and day < self.valid_until:
                return None
            self._stand(self.rank, day)
            return "renewed"
        if self.grace_until is None:
            if day < self.valid_until:
                return None
            if GRACE[self.rank]:
                self.grace_until = self.valid_until + datetime.timedelta(GRACE[self.rank])
                return "grace"
        elif day <= self.grace_until:
            return None
        self._stand(self.rank - 1, day)
        return "downgraded"

    def _stand(self, rank: int, day: datetime.date) -> None:
        self.rank, self.grace_until = rank, None
        self.valid_until = end_of(moved(day, VALID[rank])) if rank else None


def end_of(day: datetime.date) -> datetime.date:
    """Return the last day of the month of `day`."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def moved(day: datetime.date, months: int) -> datetime.date:
    """Return the same day so many months on, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return datetime.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def growth(berka: Path, *, first: datetime.date, late: datetime.date) -> dict[str, list[tuple]]:
    """Return (night, day, points) by account: what counts on `day`, known from `night` on; what is taken back is below zero."""
    found = defaultdict(list)
    for account, activities in second_programme.earning_activities(berka).items():
        for activity in activities:
            night = max(activity.day, first, late if second_programme.is_late(activity) else first)
            found[account].append((night, activity.day, activity.points))
        refunded: dict[str, int] = defaultdict(int)
        for refund in sorted(second_programme.refunds_of(activities), key=lambda one: (one.day, one.number)):
            activity, before = refund.activity, refunded[refund.activity.number]
            after = refunded[activity.number] = before + refund.amount
            night = max(refund.day, first, late if second_programme.is_late(activity) else first)
            points = activity.points * after // activity.amount - activity.points * before // activity.amount
            found[account].append((night, activity.day, -points))
    return found


def decisions(berka: Path, *, first: datetime.date, late: datetime.date, through: datetime.date) -> list[Decision]:
    """Return every decision of the month ends from `first` to `through`, by date and account."""
    known, members, decided = growth(berka, first=first, late=late), defaultdict(Member), []
    day = end_of(first)
    while day <= through:
        begin = moved(day, -6)
        for account in sorted(known):
            member = members[account]
            points = sum(
                points for night, occurred, points in known[account] if night <= day and begin < occurred <= day
            )
            before = member.rank
            if outcome := member.review(points, day):
                decided.append(
                    Decision(
                        account, day, outcome, TIERS[before], TIERS[member.rank], member.valid_until, member.grace_until
                    )
                )
        day = end_of(day + datetime.timedelta(1))
    return decided
