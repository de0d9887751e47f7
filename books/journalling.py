"""Journalling: what a business date's points mean to the general ledger, in pairs of debit and credit (docs/books.md)."""

import datetime
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from books.models import DailyBalance, DailyTotal, Event, JournalAccount, JournalLine
from foundation import tables
from foundation.jobs.models import Bank, BusinessDate
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from points.models import Kind

LIABILITY = "points-liability"
EXPENSE = "points-expense"
# What is debited and credited where the bank has configured nothing: words in the place of its account numbers.
ACCOUNTS: dict[str, tuple[str, str]] = {
    Event.ISSUE: (EXPENSE, LIABILITY),
    Event.REDEEM: (LIABILITY, "redemption-clearing"),
    Event.RESTORE: ("redemption-clearing", LIABILITY),
    Event.EXPIRE: (LIABILITY, "breakage-income"),
    Event.CLAWBACK: (LIABILITY, EXPENSE),
    Event.ADJUST_UP: ("points-adjustments", LIABILITY),
    Event.ADJUST_DOWN: (LIABILITY, "points-adjustments"),
    Event.TRANSFER_OUT: (LIABILITY, "points-in-transit"),
    Event.TRANSFER_IN: ("points-in-transit", LIABILITY),
    Event.REVALUE: ("points-revaluation", LIABILITY),
}
CREDITS = {
    Kind.EARN: Event.ISSUE,
    Kind.BONUS: Event.ISSUE,
    Kind.RESTORE: Event.RESTORE,
    Kind.ADJUST: Event.ADJUST_UP,
    Kind.TRANSFER: Event.TRANSFER_IN,
}
DEBITS = {
    Kind.REDEEM: Event.REDEEM,
    Kind.EXPIRE: Event.EXPIRE,
    Kind.CLAWBACK: Event.CLAWBACK,
    Kind.ADJUST: Event.ADJUST_DOWN,
    Kind.TRANSFER: Event.TRANSFER_OUT,
}
# These leave less than was owed to the members, the others more.
LOWERING = set(DEBITS.values())
HEADER = ("business_date", "line", "account", "debit", "credit", "currency", "event", "point_currency", "points")


class DateHasNoJournal(Refusal):
    code = "date_has_no_journal"
    status = 404
    sentence = _("The general ledger's file is made of a closed business date; %(asked)s is not closed.")


@in_transaction
def write(*, business_date: datetime.date, after: datetime.date | None) -> None:
    """Write the journal of a date that has just been totalled, `after` the last one before it: a line per event that moved money.

    The amounts are points × worth, rounded half up; what a new worth or rounding leaves over is the event `revalue`, so that
    all lines together have always brought the liability's account to the liability. Four statements.
    """
    moved = _moved(business_date)
    worths = DailyBalance.objects.filter(worth_minor__isnull=False)
    before = dict(worths.filter(business_date=after).values_list("currency_id", "liability_minor")) if after else {}
    configured = {
        (one.currency_id, one.event): (one.debit, one.credit)
        for one in JournalAccount.objects.order_by("currency_id", "event")
    }
    lines = []
    for balance in worths.filter(business_date=business_date).order_by("currency_id"):
        worth, change = balance.worth_minor or Decimal(0), balance.liability_minor or 0
        change -= before.get(balance.currency_id) or 0
        amounts: dict[str, tuple[int, int]] = {}
        for event, points in moved.get(balance.currency_id, {}).items():
            amount = minor(points, worth)
            amounts[event] = (points, amount)
            change -= -amount if event in LOWERING else amount
        amounts[Event.REVALUE] = (0, change)
        for event, (points, amount) in amounts.items():
            debit, credit = configured.get((balance.currency_id, event), ACCOUNTS[event])
            if amount < 0:
                debit, credit = credit, debit
            if amount:
                lines.append(
                    JournalLine(
                        business_date=business_date,
                        currency_id=balance.currency_id,
                        event=event,
                        debit=debit,
                        credit=credit,
                        points=points,
                        amount_minor=abs(amount),
                    )
                )
    JournalLine.objects.bulk_create(lines)


def minor(points: int, worth_minor: Decimal) -> int:
    """Return what points are worth in whole minor units, rounded half up."""
    return int((points * worth_minor).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _moved(business_date: datetime.date) -> dict[int, dict[str, int]]:
    """Return the points of each event of a date, by currency."""
    moved: dict[int, dict[str, int]] = {}
    totals = DailyTotal.objects.filter(business_date=business_date, kind__in=Kind.values)
    sums = totals.values("currency_id", "kind").annotate(c=Sum("credited"), d=Sum("debited"))
    for row in sums.order_by("currency_id", "kind"):
        for points, events in ((row["c"], CREDITS), (row["d"], DEBITS)):
            if points:
                event, of_currency = events[Kind(row["kind"])], moved.setdefault(row["currency_id"], {})
                of_currency[event] = of_currency.get(event, 0) + points
    return moved


def lines(business_date: datetime.date) -> list[JournalLine]:
    """Return the journal of a closed date in the order of its file. Refuses date_has_no_journal."""
    if not BusinessDate.objects.filter(pk=business_date, status=BusinessDate.Status.CLOSED).exists():
        raise DateHasNoJournal(asked=business_date)
    written = JournalLine.objects.filter(business_date=business_date).select_related("currency")
    order = list(Event)
    return sorted(written, key=lambda line: (line.currency_id, order.index(Event(line.event))))


def file(business_date: datetime.date) -> bytes:
    """Return the general ledger's file of a closed date: CSV, UTF-8 with a mark for spreadsheets, the same bytes for ever.

    Two rows an event, a debit and a credit, amounts in units of money. Refuses date_has_no_journal.
    """
    money = Bank.objects.values_list("currency", flat=True).get()
    return b"".join(tables.csv_pieces(headers=HEADER, rows=_rows(lines(business_date), money)))


def _rows(journal: list[JournalLine], money: str) -> Iterator[tuple[object, ...]]:
    number = 0
    for line in journal:
        amount = Decimal(line.amount_minor).scaleb(-2)
        for account, debit, credit in ((line.debit, amount, ""), (line.credit, "", amount)):
            number += 1
            yield (
                line.business_date, number, account, debit, credit, money, line.event, line.currency.code, line.points,
            )  # fmt: skip
