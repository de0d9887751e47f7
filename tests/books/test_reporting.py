"""The liability and its parts are sums of what the entries say, and a point's cost is what was redeemed of what was issued."""

import random
from decimal import Decimal

import pytest
from django.db.models import Sum

from books import reporting
from books.models import DailyBalance
from points.models import Entry
from tests.books.cast import DAY, close_books, do_business
from tests.factories import BranchFactory, EarningRuleVersionFactory, MemberFactory
from tests.points.cast import APRIL_END, MONDAY, TUESDAY, asked, open_bank, post

pytestmark = pytest.mark.django_db


def open_with_worth(worth_minor: str):
    wang, points = open_bank()
    points.worth_minor = Decimal(worth_minor)
    points.save()
    return wang, points


def test_every_part_sums_up_to_the_ledger_on_every_date():
    dice = random.Random(3)
    wang, points = open_with_worth("0.5")
    members = [wang, MemberFactory(), MemberFactory(branch=wang.branch)]
    for n in range(5):
        do_business(dice, members, points, MONDAY + n * DAY)
        close_books(MONDAY + n * DAY)

    for date in (MONDAY + n * DAY for n in range(5)):
        [found] = reporting.liability(as_of=date)

        ledger = Entry.objects.filter(booked_on__lte=date).aggregate(sum=Sum("points"))["sum"]
        assert found.points == ledger
        for parts in (found.branches, found.campaigns, found.months):
            assert sum(part.points for part in parts) == ledger
        assert found.amount_minor == DailyBalance.objects.get(business_date=date).liability_minor


def test_a_part_is_named_by_branch_campaign_and_month():
    wang, points = open_with_worth("10")
    version = EarningRuleVersionFactory(reward_currency=points)
    li = MemberFactory(branch=BranchFactory())
    post(
        asked(wang, points, 100, expires_on=APRIL_END, rule_version_id=version.pk),
        asked(li, points, 40),
        asked(li, points, -10),
    )
    close_books(MONDAY)

    [found] = reporting.liability(as_of=MONDAY)
    [of_li] = reporting.liability(as_of=MONDAY, branches=[li.branch_id])

    assert {part.of: (part.points, part.amount_minor) for part in found.branches} == {
        wang.branch: (100, 1_000), li.branch: (30, 300),
    }  # fmt: skip
    assert {part.of: part.points for part in found.campaigns} == {version.rule: 100, None: 30}
    assert [f"{part.of:%Y-%m} {part.points}" for part in found.months] == ["2026-04 100", "9999-12 30"]
    assert (of_li.points, of_li.amount_minor, len(of_li.branches)) == (30, 300, 1)


def test_a_point_costs_what_was_redeemed_of_what_was_issued():
    wang, points = open_with_worth("2")
    version = EarningRuleVersionFactory(reward_currency=points)
    post(asked(wang, points, 200, rule_version_id=version.pk), asked(wang, points, 50), asked(wang, points, -30))
    close_books(MONDAY)

    campaigns, branches = reporting.costs(currency=points, first=MONDAY, last=TUESDAY)

    assert [(c.of, c.issued, c.redeemed, c.per_point_minor) for c in branches] == [
        (wang.branch, 250, 30, Decimal("0.2400"))
    ]
    assert {c.of: (c.issued, c.redeemed, c.per_point_minor) for c in campaigns} == {
        version.rule: (200, 30, Decimal("0.3000")), None: (50, 0, Decimal(0)),
    }  # fmt: skip


def test_the_books_of_the_handbook_s_retailer_defer_what_the_handbook_defers():
    """E11, through the ledger: 10,000 points worth 0.90 each (9,000 allocated); 4,500 redeemed, 300 of the rest expected to expire."""
    wang, points = open_with_worth("0.9")
    post(asked(wang, points, 10_000))
    close_books(MONDAY)
    post(asked(wang, points, -4_500, occurred_on=TUESDAY))
    close_books(TUESDAY)
    post(asked(wang, points, -4_000, occurred_on=TUESDAY + DAY))
    close_books(TUESDAY + DAY)
    years = [DailyBalance.objects.get(business_date=MONDAY + n * DAY) for n in range(3)]

    deferred = [
        reporting.deferred_minor(balance=year, breakage=breakage)
        for year, breakage in ((years[0], 300), (years[1], 300), (years[2], 100), (years[2], 800))
    ]

    assert deferred == [9_000, 9_000 - 4_175, 9_000 - 4_175 - 3_552, 9_000 - 4_175 - 4_140]
