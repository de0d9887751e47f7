"""The books of every date are held against all entries: who writes behind the totals' back is found, with the date."""

import random

import pytest
from django.db import connections, transaction

from books import recounting, totalling
from books.models import ChunkTotal, DailyBalance
from tests.books.cast import DAY, close_books, do_business
from tests.factories import BranchFactory, MemberFactory
from tests.points.cast import CLERK, MONDAY, TUESDAY, asked, open_bank, post, start_closing

OFF = "ALTER TABLE points_entry DISABLE TRIGGER written_once; ALTER TABLE books_{0} DISABLE TRIGGER written_once; "
NONE = {"violations": 0, "checked": 0, "examples": []}


def two_dates() -> str:
    """Close two dates with a credit each; return the currency's id."""
    wang, points = open_bank()
    with transaction.atomic():
        post(asked(wang, points, 100))
        close_books(MONDAY)
        post(asked(wang, points, 50, occurred_on=TUESDAY))
        close_books(TUESDAY)
    return f"{points.pk}"


@pytest.mark.django_db
def test_before_the_first_totals_there_is_nothing_to_hold():
    open_bank()

    assert recounting.recount(as_of=MONDAY) == NONE


@pytest.mark.django_db
def test_the_books_of_random_business_tie_on_every_date():
    dice = random.Random(11)
    wang, points = open_bank()
    members = [wang, *(MemberFactory() for _ in range(3))]
    for n in range(6):
        do_business(dice, members, points, MONDAY + n * DAY)
        if n == 3:
            wang.branch = BranchFactory()
            wang.save()
        close_books(MONDAY + n * DAY)

    results = [recounting.recount(as_of=MONDAY + n * DAY) for n in range(6)]

    assert [(result["violations"], result["examples"]) for result in results] == [(0, [])] * 6
    assert results[-1]["checked"] > 6


@pytest.mark.parametrize(
    ("sql", "example"),
    [
        ("UPDATE points_entry SET points = points + 1 WHERE number = 2", "2026-03-03 currency {0}"),
        ("DELETE FROM points_entry WHERE number = 1", "2026-03-02 currency {0}"),
        (
            "UPDATE books_dailybalance SET credited = 101, closing = closing + 1 WHERE credited = 100",
            "2026-03-02 currency {0}",
        ),
        ("DELETE FROM books_dailybalance WHERE business_date = '2026-03-02'", "2026-03-03 currency {0}"),
        ("UPDATE books_dailystock SET points = points + 1 WHERE business_date = '2026-03-03'", "currency {0} branch"),
    ],
)
def test_a_planted_difference_is_found_and_names_its_date_or_place(committed, sql, example):
    currency = two_dates()
    table = sql.split("books_")[1].split()[0] if "books_" in sql else "dailytotal"
    assert recounting.recount(as_of=TUESDAY)["violations"] == 0

    with connections["owner"].cursor() as cursor:
        cursor.execute(OFF.format(table) + sql)
    result = recounting.recount(as_of=TUESDAY)

    assert result["violations"] >= 1
    assert result["examples"][0].startswith(example.format(currency))


def test_a_night_does_not_close_over_an_entry_that_its_purse_does_not_know(committed):
    wang, points = open_bank()
    with transaction.atomic():
        close_books(MONDAY)
        post(asked(wang, points, 10, occurred_on=TUESDAY))
        start_closing(TUESDAY)
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE points_purse SET last_booked_on = '2026-03-02'")

    with pytest.raises(totalling.TotalsDontTie, match=f"2026-03-03: point currency {points.pk}"), transaction.atomic():
        totalling.count(business_date=TUESDAY, first_member=1, last_member=2**63 - 1, actor=CLERK)
        totalling.total(business_date=TUESDAY, actor=CLERK)

    assert list(DailyBalance.objects.values_list("business_date", "entries")) == [(MONDAY, 0)]
    assert not ChunkTotal.objects.exists()
