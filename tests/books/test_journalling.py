"""The journal of a date: debits equal credits, and both are what the entries of the date are worth."""

import csv
import io
import random
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

import pytest
from django.core.management import CommandError, call_command

from books import journalling
from books.models import DailyBalance, Event, JournalAccount, JournalLine
from points.models import Entry, Kind
from tests.books.cast import DAY, close_books, do_business
from tests.factories import MemberFactory
from tests.points.cast import MONDAY, TUESDAY, asked, open_bank, post, start_closing

pytestmark = pytest.mark.django_db


def open_with_worth(worth_minor: str):
    wang, points = open_bank()
    points.worth_minor = Decimal(worth_minor)
    points.save()
    return wang, points


def rows(date) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(journalling.file(date).decode("utf-8-sig"))))


def in_minor(amount: str) -> int:
    return int(Decimal(amount or 0) * 100)


@pytest.mark.parametrize(("seed", "worth"), [(1, "1"), (2, "0.5"), (3, "0.3333"), (4, "12.5")])
def test_the_file_ties_to_the_entries_of_random_business(seed, worth):
    dice = random.Random(seed)
    wang, points = open_with_worth(worth)
    members = [wang, *(MemberFactory() for _ in range(4))]
    account = 0

    for date in (MONDAY + n * DAY for n in range(6)):
        do_business(dice, members, points, date)
        close_books(date)
        journal = rows(date)
        # Points by event, from the entries alone.
        booked = defaultdict(int)
        for entry in Entry.objects.filter(booked_on=date):
            events = journalling.CREDITS if entry.points > 0 else journalling.DEBITS
            booked[events[Kind(entry.kind)]] += abs(entry.points)
        told = {row["event"]: int(row["points"]) for row in journal if row["event"] != Event.REVALUE}
        # What is worth less than half a minor unit has no line of its own; the rounding takes it.
        assert told == {event: n for event, n in booked.items() if n * Decimal(worth) >= Decimal("0.5")}
        for row in journal:
            if row["event"] != Event.REVALUE:
                worth_of_it = (int(row["points"]) * Decimal(worth)).quantize(Decimal(1), rounding=ROUND_HALF_UP)
                assert in_minor(row["debit"]) + in_minor(row["credit"]) == worth_of_it
        assert sum(in_minor(row["debit"]) for row in journal) == sum(in_minor(row["credit"]) for row in journal) > 0
        of_liability = [row for row in journal if row["account"] == journalling.LIABILITY]
        account += sum(in_minor(row["credit"]) - in_minor(row["debit"]) for row in of_liability)
        outstanding = sum(Entry.objects.filter(booked_on__lte=date).values_list("points", flat=True))
        assert account == int((outstanding * Decimal(worth)).quantize(Decimal(1), rounding=ROUND_HALF_UP))
        assert account == DailyBalance.objects.get(business_date=date).liability_minor


def test_the_accounts_are_the_banks_and_a_file_stays_as_it_was():
    wang, points = open_with_worth("10")
    JournalAccount.objects.create(currency=points, event=Event.ISSUE, debit="=6601", credit="2241,01")
    post(asked(wang, points, 100), asked(wang, points, -40))
    close_books(MONDAY)
    before = journalling.file(MONDAY)

    JournalAccount.objects.update(debit="9999")
    points.worth_minor = 20
    points.save()
    close_books(TUESDAY)

    assert journalling.file(MONDAY) == before
    assert before.startswith(b"\xef\xbb\xbfbusiness_date,line,account,")
    assert [tuple(row.values()) for row in rows(MONDAY)] == [
        ("2026-03-02", "1", "'=6601", "10.00", "", "CNY", "issue", "points", "100"),
        ("2026-03-02", "2", "2241,01", "", "10.00", "CNY", "issue", "points", "100"),
        ("2026-03-02", "3", "points-liability", "4.00", "", "CNY", "redeem", "points", "40"),
        ("2026-03-02", "4", "redemption-clearing", "", "4.00", "CNY", "redeem", "points", "40"),
    ]
    revalued = JournalLine.objects.get(business_date=TUESDAY)
    assert (revalued.event, revalued.amount_minor, revalued.credit) == ("revalue", 600, "points-liability")


def test_points_without_worth_and_dates_without_movement_have_no_lines():
    wang, points = open_bank()
    post(asked(wang, points, 100))

    close_books(MONDAY)

    assert rows(MONDAY) == []
    assert DailyBalance.objects.get().liability_minor is None


def test_the_command_writes_the_file_and_refuses_a_date_that_is_not_closed(tmp_path):
    wang, points = open_with_worth("10")
    post(asked(wang, points, 100))
    close_books(MONDAY)
    start_closing(TUESDAY)
    out = tmp_path / "gl.csv"

    call_command("gl_file", date=MONDAY, out=out)
    said = io.StringIO()
    call_command("gl_file", "--date", "2026-03-02", stdout=said)
    with pytest.raises(CommandError) as refused:
        call_command("gl_file", date=TUESDAY, out=tmp_path / "none.csv")

    assert out.read_bytes() == journalling.file(MONDAY)
    assert said.getvalue() == out.read_bytes().decode("utf-8-sig")
    assert refused.value.returncode == 2
    assert "2026-03-03 is not closed" in str(refused.value)
    assert not (tmp_path / "none.csv").exists()
