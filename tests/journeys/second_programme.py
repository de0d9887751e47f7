"""A second programme over the Berka data, worked out from its files with Python alone: nothing of the product is imported here.

A member is the owner of one account, and is named by its number. The rules:

- A withdrawal or transfer out earns floor(amount / 100) points, one lot each, in the night of its day. They can be used until the last day
  of the month 12 months after its own; that night they lapse.
- On 30 June and 31 December, before the day's own night, everybody redeems all full 500s that he has.
- Of each account's earning activities, by date and `seq`, every tenth is refunded: 75 % of it after 20 days, of every twentieth another
  15 % after 100 days, of every thirtieth what is left after 290 days. Shares are rounded half up to a hundredth of a crown.
- Activities whose number ends in 7 are reported late. They, and their refunds until then, belong to the night of the report, as what
  came before the bank's first night belongs to that. Points that have lapsed by then are credited all the same, and pay nothing.
- A night first credits, by date, then transaction number as text, then takes back, by date, then refund number as text, then lets lapse.
- When R of an amount A is refunded in all, floor(E × R / A) of its E points have been taken back, from its own lot first.
- Whatever else is used comes of the lots that lapse first, of these from the oldest. What a refund does not find is owed, and the next
  credits pay it first.
"""

import calendar
import csv
import dataclasses
import datetime
import gzip
from collections import defaultdict
from collections.abc import Collection, Iterator
from decimal import Decimal
from pathlib import Path

EARNING = {"card_withdrawal", "cash_withdrawal", "transfer_out"}
NOT_EARNING = {"statement_fee", "sanction_interest"}
FULL = 500
HALF_YEAR_ENDS = {(6, 30), (12, 31)}
LATE = "7"
# Of every so many earning activities, so much of a hundred is refunded so many days later; None: what is left.
REFUNDS = ((10, 75, 20), (20, 15, 100), (30, None, 290))


@dataclasses.dataclass(frozen=True)
class Activity:
    """An earning activity; amounts are hundredths of a crown."""

    number: str
    account: str
    day: datetime.date
    amount: int

    @property
    def points(self) -> int:
        return self.amount // 100_00


@dataclasses.dataclass(frozen=True)
class Refund:
    """A part of an activity that is given back; `whole` where the bank reports it without an amount, as what is left."""

    number: str
    activity: Activity
    day: datetime.date
    amount: int
    whole: bool


@dataclasses.dataclass
class Lot:
    """The points of one activity: how many are left and how many have lapsed."""

    points: int
    expires_on: datetime.date
    left: int
    lapsed: int = 0


@dataclasses.dataclass
class Figures:
    """What a member's points have come to, and his lots by the activity's number, the oldest first."""

    earned: int = 0
    redeemed: int = 0
    clawed_back: int = 0
    expired: int = 0
    owed: int = 0
    lots: dict[str, Lot] = dataclasses.field(default_factory=dict)
    # How much of each activity has been refunded, in hundredths of a crown.
    refunded: dict[str, int] = dataclasses.field(default_factory=lambda: defaultdict(int))

    @property
    def available(self) -> int:
        return sum(lot.left for lot in self.lots.values())

    def credit(self, activity: Activity, night: datetime.date) -> None:
        if not activity.points:
            return
        self.earned += activity.points
        lot = self.lots[activity.number] = Lot(activity.points, last_day(activity.day), activity.points)
        if lot.expires_on < night:
            lot.lapsed, lot.left = lot.left, 0
            self.expired += lot.lapsed
        else:
            paid = min(self.owed, lot.left)
            self.owed -= paid
            lot.left -= paid

    def redeem(self) -> None:
        points = self.available // FULL * FULL
        self.redeemed += points
        self._use(points)

    def take_back(self, refund: Refund) -> None:
        activity, before = refund.activity, self.refunded[refund.activity.number]
        self.refunded[activity.number] = after = before + refund.amount
        points = activity.points * after // activity.amount - activity.points * before // activity.amount
        self.clawed_back += points
        if own := self.lots.get(activity.number):
            taken = min(own.left, points)
            own.left -= taken
            points -= taken
        self.owed += self._use(points)

    def lapse(self, day: datetime.date) -> None:
        for lot in self.lots.values():
            if lot.left and lot.expires_on <= day:
                self.expired += lot.left
                lot.lapsed, lot.left = lot.left, 0

    def _use(self, points: int) -> int:
        """Take points from the lots and return how many are not there. Lots of one month stay in their order: sorting is stable."""
        for lot in sorted(self.lots.values(), key=lambda lot: lot.expires_on):
            taken = min(lot.left, points)
            lot.left -= taken
            points -= taken
        return points


def last_day(day: datetime.date) -> datetime.date:
    """Return the last day of the month 12 months after that of `day`."""
    return datetime.date(day.year + 1, day.month, calendar.monthrange(day.year + 1, day.month)[1])


def is_late(activity: Activity) -> bool:
    """Return whether an activity is reported late."""
    return activity.number.endswith(LATE)


def earning_activities(berka: Path) -> dict[str, list[Activity]]:
    """Return the earning activities of each account, by date and `seq`, from the files in the folder `berka`."""
    found = defaultdict(list)
    for path in sorted(berka.glob("trans_*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                if row["direction"] == "debit" and row["operation"] in EARNING and row["purpose"] not in NOT_EARNING:
                    day = datetime.date.fromisoformat(row["date"])
                    activity = Activity(row["trans_id"], row["account_id"], day, int(Decimal(row["amount"]) * 100))
                    found[activity.account].append((day, int(row["seq"]), activity))
    return {account: [activity for *_, activity in sorted(rows)] for account, rows in found.items()}


def refunds_of(activities: list[Activity]) -> Iterator[Refund]:
    """Yield the refunds of one account's earning activities."""
    for place, activity in enumerate(activities, start=1):
        left = activity.amount
        for each, hundredths, days in REFUNDS:
            if place % each == 0:
                amount = left if hundredths is None else (activity.amount * hundredths + 50) // 100
                left -= amount
                number = f"R{each}-{activity.number}"
                yield Refund(number, activity, activity.day + datetime.timedelta(days), amount, hundredths is None)


def run(
    berka: Path, *, first: datetime.date, late: datetime.date, ends: Collection[datetime.date]
) -> Iterator[tuple[datetime.date, dict[str, Figures]]]:
    """Yield the figures of each account after the nights of `ends`.

    `first` is the day of the first night, `late` the day on which the late activities are reported. The figures go on after each
    date: use them before the next is asked for.
    """
    activities = earning_activities(berka)
    earned, refunded = defaultdict(list), defaultdict(list)
    for of_account in activities.values():
        for activity in sorted(of_account, key=lambda activity: (activity.day, activity.number)):
            earned[max(activity.day, first, late if is_late(activity) else first)].append(activity)
        for refund in sorted(refunds_of(of_account), key=lambda refund: (refund.day, refund.number)):
            refunded[max(refund.day, first, late if is_late(refund.activity) else first)].append(refund)
    figures = {account: Figures() for account in activities}
    day = first
    while day <= max(ends):
        if (day.month, day.day) in HALF_YEAR_ENDS:
            for member in figures.values():
                member.redeem()
        for activity in earned[day]:
            figures[activity.account].credit(activity, day)
        for refund in refunded[day]:
            figures[refund.activity.account].take_back(refund)
        for member in figures.values():
            member.lapse(day)
        if day in ends:
            yield day, figures
        day += datetime.timedelta(1)
