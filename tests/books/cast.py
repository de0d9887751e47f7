"""A bank whose dates are closed with everything that the books need, and a recount of its entries in plain Python."""

import datetime
import random
from collections import defaultdict

from books import totalling
from books.models import (
    MOVED,
    NEVER_MONTH,
    NO_MONTH,
    NO_RULE,
    PAID_OWED,
    DailyBalance,
    DailyStock,
    DailyTotal,
)
from foundation.access.models import Branch
from foundation.periods import add_months, month_end
from members.models import Member
from points import lapsing, releasing
from points.models import Allocation, Entry, Kind, Lot, PointCurrency
from tests.factories import BranchFactory
from tests.points.cast import CLERK, asked, finish_closing, post, start_closing

EVERYBODY = (1, 2**63 - 1)
DAY = datetime.timedelta(days=1)
JANUARY = datetime.date(2026, 1, 1)


def close_books(date: datetime.date, *ranges: tuple[int, int]) -> None:
    """Close a date: release, expire, count the members in these ranges, total."""
    start_closing(date)
    whole = {"first_member": EVERYBODY[0], "last_member": EVERYBODY[1], "actor": CLERK}
    releasing.release(as_of=date, **whole)
    lapsing.lapse(as_of=date, **whole)
    for first, last in ranges or (EVERYBODY,):
        totalling.count(business_date=date, first_member=first, last_member=last, actor=CLERK)
    totalling.total(business_date=date, actor=CLERK)
    finish_closing(date)


def do_business(dice: random.Random, members: list[Member], currency: PointCurrency, date: datetime.date) -> None:
    """Post a little of everything on a date: for each member a credit or two, a redemption, and at times what is owed or adjusted."""
    for member in members:
        batch = [
            asked(
                member,
                currency,
                dice.randint(1, 90),
                kind=dice.choice([Kind.EARN, Kind.EARN, Kind.BONUS, Kind.RESTORE]),
                occurred_on=date - dice.choice([0, 0, 0, 40]) * DAY,
                expires_on=date + dice.choice([0, 1, 3, 33, 70]) * DAY if dice.random() < 0.9 else None,
                available_on=date + dice.choice([0, 0, 2]) * DAY,
                rule_version_id=dice.choice([None, 7, 8]),
            )
            for _credit in range(dice.randint(0, 2))
        ]
        kind = dice.choice([Kind.REDEEM, Kind.REDEEM, Kind.CLAWBACK, Kind.ADJUST, Kind.TRANSFER])
        batch.append(asked(member, currency, -dice.randint(1, 80), kind=kind, occurred_on=date))
        if dice.random() < 0.3:
            batch.append(
                asked(
                    member,
                    currency,
                    dice.randint(1, 9),
                    kind=dice.choice([Kind.ADJUST, Kind.TRANSFER]),
                    occurred_on=date,
                )
            )
        post(*batch)


def recounted(through: datetime.date, branches: dict[int, int]) -> tuple[dict, dict]:
    """Return what the entries say by the end of a date: (points by place, (credited, debited) by date and kind), from rows alone.

    `branches` gives each member's. A place is (currency, branch, rule version, first of the month of expiry).
    """
    lots = {(lot.member_id, lot.currency_id, lot.number): lot for lot in Lot.objects.all()}
    entries = {entry.pk: entry for entry in Entry.objects.all()}
    taken = defaultdict(list)
    for part in Allocation.objects.all():
        taken[part.member_id, part.currency_id, part.debit_number].append(part)
    last_touch: dict = defaultdict(lambda: datetime.date.min)
    for entry in entries.values():
        if entry.booked_on <= through:
            purse = (entry.member_id, entry.currency_id)
            last_touch[purse] = max(last_touch[purse], entry.booked_on)
    stock, moved = defaultdict(int), defaultdict(lambda: [0, 0])

    def place(member_id: int, currency_id: int, lot_number: int | None) -> tuple:
        lot = lots.get((member_id, currency_id, lot_number))
        credit = entries.get((member_id, currency_id, lot_number))
        return (
            currency_id,
            branches[member_id],
            (credit and credit.rule_version_id) or NO_RULE,
            lot.expires_on.replace(day=1) if lot else NO_MONTH,
        )

    for (member_id, currency_id, number), entry in entries.items():
        if entry.booked_on > through:
            continue
        moved[entry.booked_on, currency_id, entry.kind][entry.points < 0] += abs(entry.points)
        parts = taken[member_id, currency_id, number]
        if entry.points > 0:
            stock[place(member_id, currency_id, number)] += entry.points
            lot = lots.get((member_id, currency_id, number))
            for part in parts:  # it paid what was owed
                due = max(entry.booked_on, lot.available_on - DAY)
                if due <= last_touch[member_id, currency_id]:
                    stock[place(member_id, currency_id, number)] -= part.points
                    stock[place(member_id, currency_id, None)] += part.points
        elif entry.kind == Kind.EXPIRE:
            stock[place(member_id, currency_id, int(entry.cause.removeprefix("lot/")))] += entry.points
        else:
            for part in parts:
                stock[place(member_id, currency_id, part.lot_number)] -= part.points
            stock[place(member_id, currency_id, None)] += entry.points + sum(part.points for part in parts)
    return {key: points for key, points in stock.items() if points}, {key: tuple(both) for key, both in moved.items()}


def keep_months(currency_id: int, whole_months: int, *, branch: Branch | None = None) -> datetime.date:
    """Keep books from January 2026 on, without a ledger below them: in each month every cohort with 0 to 2 months left has 1,000
    points and uses 100 of them, but in its last month 150 and 250 in turn. Return the last day."""
    place = {"currency_id": currency_id, "branch": branch or BranchFactory(), "rule_version_id": NO_RULE}
    last = JANUARY
    for n in range(-1, whole_months):
        month = add_months(JANUARY, n)
        last = month_end(month)
        balance(currency_id, last)
        ends = [add_months(month, ahead) for ahead in range(4)]
        for end, points in [*((end, 1_000) for end in ends[1:]), (NEVER_MONTH, 70)]:
            DailyStock.objects.create(business_date=last, expires_in=end, points=points, **place)
        for end, used in zip(ends, (250 if n % 2 else 150, 100, 100), strict=False):
            DailyTotal.objects.create(
                business_date=last, kind=Kind.REDEEM, expires_in=end, credited=0, debited=used, entries=1, **place
            )
    return last


def begin_month(currency_id: int) -> datetime.date:
    """Let a day pass after the last one, on which nothing happens: the cohorts have 0, 1 and 2 months left. Return it."""
    last = DailyBalance.objects.latest("business_date").business_date
    day = last + DAY
    balance(currency_id, day)
    for row in DailyStock.objects.filter(business_date=last):
        row.pk = (day, *row.pk[1:])
        row.save(force_insert=True)
    return day


def balance(currency_id: int, date: datetime.date) -> None:
    """Keep a balance of 3,070 points worth one minor unit each."""
    DailyBalance.objects.create(
        business_date=date, currency_id=currency_id, opening=3_070, credited=0, debited=0, closing=3_070, entries=0,
        worth_minor=1, liability_minor=3_070,
    )  # fmt: skip


OF_ENTRIES = [kind for kind in Kind.values if kind not in (MOVED, PAID_OWED)]
