"""Totals of a date: what they say is what a recount of the entries in plain Python says, whatever the chunks and whoever dies."""

import random

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from books import totalling
from books.models import (
    MOVED,
    NO_MONTH,
    NO_RULE,
    PAID_OWED,
    CarryingBranch,
    ChunkTotal,
    DailyBalance,
    DailyStock,
    DailyTotal,
    JournalLine,
)
from foundation.jobs.models import BusinessDate
from points import ledger
from points.models import Entry, Kind
from tests.books.cast import DAY, OF_ENTRIES, close_books, do_business, recounted
from tests.factories import BranchFactory, MemberFactory, PointCurrencyFactory
from tests.points.cast import APRIL_END, CLERK, MONDAY, TUESDAY, asked, open_bank, post, start_closing

pytestmark = pytest.mark.django_db

PLACE = ("currency_id", "branch_id", "rule_version_id", "expires_in")


def stock(date):
    return {
        tuple(row[:4]): row[4] for row in DailyStock.objects.filter(business_date=date).values_list(*PLACE, "points")
    }


def movements(**narrowed):
    """Return (credited, debited) by date, currency and kind of entry."""
    totals = DailyTotal.objects.filter(kind__in=OF_ENTRIES, **narrowed)
    sums = totals.values_list("business_date", "currency_id", "kind").annotate(Sum("credited"), Sum("debited"))
    return {tuple(row[:3]): tuple(row[3:]) for row in sums.order_by("business_date", "currency_id", "kind")}


def everything():
    return [
        list(model.objects.order_by("pk").values()) for model in (DailyTotal, DailyStock, DailyBalance, JournalLine)
    ]


@pytest.mark.parametrize("seed", range(6))
def test_totals_and_stock_of_random_business_are_those_of_a_recount_on_every_date(seed):
    dice = random.Random(seed)
    wang, points = open_bank()
    growth = PointCurrencyFactory(growth=True)
    members = [wang, *(MemberFactory(branch=branch) for branch in (wang.branch, BranchFactory(), BranchFactory()))]
    branches = {member.pk: member.branch_id for member in members}
    dates = [MONDAY + n * DAY for n in range(8)]

    for date in dates:
        if date != dates[5]:
            do_business(dice, members, points, date)
            post(
                asked(wang, growth, 30, occurred_on=date), asked(wang, growth, -4, kind=Kind.CLAWBACK, occurred_on=date)
            )
        post(asked(wang, points, 5, occurred_on=date + DAY))
        close_books(date, (1, members[1].pk), (members[1].pk + 1, 2**63 - 1))
        assert stock(date) == recounted(date, branches)[0], (seed, date)

    assert movements() == recounted(dates[-1], branches)[1]
    for date in dates:
        for balance in DailyBalance.objects.filter(business_date=date):
            booked = Entry.objects.filter(booked_on=date, currency_id=balance.currency_id)
            assert balance.entries == booked.count()
            of_all = Entry.objects.filter(booked_on__lte=date, currency_id=balance.currency_id)
            assert balance.closing == of_all.aggregate(sum=Sum("points", default=0))["sum"]
            of_stock = DailyStock.objects.filter(business_date=date, currency_id=balance.currency_id)
            assert balance.closing == of_stock.aggregate(sum=Sum("points", default=0))["sum"]


def test_a_debit_stands_where_the_points_came_from():
    wang, points = open_bank()
    post(
        asked(wang, points, 100, expires_on=APRIL_END, rule_version_id=7),
        asked(wang, points, 50, rule_version_id=8),
        asked(wang, points, -120),
    )

    close_books(MONDAY)

    branch = wang.branch_id
    totals = DailyTotal.objects.order_by("kind", "expires_in").values_list(
        *PLACE[1:], "kind", "credited", "debited", "entries"
    )
    april, never = APRIL_END.replace(day=1), ledger.NEVER.replace(day=1)
    assert list(totals) == [
        (branch, 7, april, Kind.EARN, 100, 0, 1),
        (branch, 8, never, Kind.EARN, 50, 0, 1),
        (branch, 7, april, Kind.REDEEM, 0, 100, 1),
        (branch, 8, never, Kind.REDEEM, 0, 20, 0),
    ]
    assert stock(MONDAY) == {(points.pk, branch, 8, never): 30}


def test_what_is_owed_stands_apart_until_points_pay_it():
    wang, points = open_bank()
    branch, never = wang.branch_id, ledger.NEVER.replace(day=1)
    post(asked(wang, points, 10, rule_version_id=7), asked(wang, points, -25, kind=Kind.CLAWBACK))
    close_books(MONDAY)
    # Pending until Wednesday: the close of Tuesday lets it pay, and the purse's next entry brings that into the books.
    post(asked(wang, points, 40, rule_version_id=8, occurred_on=TUESDAY, available_on=TUESDAY + DAY))
    close_books(TUESDAY)
    post(asked(wang, points, 1, rule_version_id=8, occurred_on=TUESDAY + DAY))
    close_books(TUESDAY + DAY)

    assert stock(MONDAY) == {(points.pk, branch, NO_RULE, NO_MONTH): -15}
    assert stock(TUESDAY) == {(points.pk, branch, 8, never): 25}
    assert stock(TUESDAY + DAY) == {(points.pk, branch, 8, never): 26}
    paid = DailyTotal.objects.filter(kind=PAID_OWED).values_list(
        "business_date", "rule_version_id", "credited", "debited"
    )
    assert sorted(paid) == [(TUESDAY, NO_RULE, 15, 0), (TUESDAY, 8, 0, 15)]


def test_who_changes_his_branch_takes_his_points_along():
    wang, points = open_bank()
    old, new = wang.branch, BranchFactory()
    post(asked(wang, points, 100, rule_version_id=7))
    close_books(MONDAY)
    wang.branch = new
    wang.save()
    post(asked(wang, points, -30, occurred_on=TUESDAY))

    close_books(TUESDAY)

    never = ledger.NEVER.replace(day=1)
    assert stock(MONDAY) == {(points.pk, old.pk, 7, never): 100}
    assert stock(TUESDAY) == {(points.pk, new.pk, 7, never): 70}
    moved = DailyTotal.objects.filter(kind=MOVED).order_by("credited").values_list("branch_id", "credited", "debited")
    assert list(moved) == [(old.pk, 0, 100), (new.pk, 100, 0)]
    assert CarryingBranch.objects.get().branch == new
    assert (DailyBalance.objects.get(business_date=TUESDAY).debited) == 30


def test_the_first_totals_take_what_was_booked_before_there_were_any():
    wang, points = open_bank()
    post(asked(wang, points, 100, occurred_on=MONDAY))
    start_closing(MONDAY)
    BusinessDate.objects.filter(date=MONDAY).update(status="closed")

    close_books(TUESDAY)

    balance = DailyBalance.objects.get()
    assert (balance.business_date, balance.opening, balance.credited, balance.closing) == (TUESDAY, 0, 100, 100)


def test_a_second_time_changes_nothing():
    wang, points = open_bank()
    post(asked(wang, points, 100))
    start_closing(MONDAY)
    chunk = {"business_date": MONDAY, "first_member": 1, "last_member": 2**63 - 1, "actor": CLERK}
    totalling.count(**chunk)
    counted = list(ChunkTotal.objects.values())

    again = totalling.count(**chunk)

    assert (again, list(ChunkTotal.objects.values())) == ({"entries": 0}, counted)
    totalling.total(business_date=MONDAY, actor=CLERK)
    before = everything()
    assert totalling.total(business_date=MONDAY, actor=CLERK) == totalling.count(**chunk) == {"entries": 0}
    assert everything() == before
    assert not ChunkTotal.objects.exists()


@pytest.mark.parametrize("status", ["open", "closed"])
def test_only_a_date_that_is_closing_is_totalled(status):
    open_bank()
    BusinessDate.objects.update(status=status)

    for verb, more in ((totalling.count, {"first_member": 1, "last_member": 9}), (totalling.total, {})):
        with pytest.raises(ledger.BusinessDateNotClosing):
            verb(business_date=MONDAY, actor=CLERK, **more)

    assert everything() == [[], [], [], []]
    assert not ChunkTotal.objects.exists()


@pytest.mark.parametrize("table", ["dailytotal", "dailystock", "dailybalance", "journalline"])
def test_nobody_changes_what_was_totalled(table):
    wang, points = open_bank()
    post(asked(wang, points, 100))
    close_books(MONDAY)

    for sql in (f"UPDATE books_{table} SET business_date = business_date", f"DELETE FROM books_{table}"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


def test_a_chunk_takes_the_same_statements_for_one_member_and_fifty():
    wang, points = open_bank()
    chunk = {"first_member": 1, "last_member": 2**63 - 1, "actor": CLERK}

    def statements(date):
        start_closing(date)
        with CaptureQueriesContext(connection) as captured:
            totalling.count(business_date=date, **chunk)
            totalling.total(business_date=date, actor=CLERK)
        BusinessDate.objects.filter(date=date).update(status="closed")
        return len(captured)

    first = statements(MONDAY)
    post(asked(wang, points, 10, occurred_on=TUESDAY))
    one = statements(TUESDAY)
    post(*(asked(MemberFactory(), points, 10, occurred_on=TUESDAY + DAY) for _member in range(50)))

    assert statements(TUESDAY + DAY) == one == first + 1 == 18
