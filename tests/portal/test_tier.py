"""What a member reads of his tier: what holds it, what the next one asks, how it came about."""

import datetime
import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils.formats import date_format

from members.models import Member
from tests.factories import (
    ConditionFactory,
    DecisionFactory,
    EarningRuleVersionFactory,
    MemberFactory,
    PointCurrencyFactory,
    ProgrammeFactory,
    RuleBookFactory,
    SeriesFactory,
)
from tiers.models import Protection, RuleBook

Page = Callable[[str], str]


@pytest.fixture
def rule_book(mei: Member) -> RuleBook:
    """Silver from a year's membership and 500 growth points in 12 months; it multiplies by 1.2."""
    PointCurrencyFactory()
    book = RuleBookFactory(multipliers={"silver": "1.2"})
    growth = SeriesFactory(growth=True)
    ConditionFactory(rule_book=book)
    ConditionFactory(
        rule_book=book, series=growth, window="months", window_length=12, enter_minimum=500, keep_minimum=400
    )
    return book


def test_a_member_of_a_bank_without_programmes_is_told_so(page: Page) -> None:
    PointCurrencyFactory()

    assert "No tiers yet" in page("/tier")
    assert "tier-card" in page("/")


def test_the_next_tier_s_minima_stand_beside_the_figures(page: Page, rule_book: RuleBook) -> None:
    text = page("/tier")

    assert "To reach Silver" in text
    assert "500 more growth points" in text
    assert "0 / 500" in text
    assert "To keep" not in text
    assert "has not changed since you joined" in text
    assert "×1.2 points" in text


def test_the_card_names_the_way_to_the_next_tier(page: Page, rule_book: RuleBook) -> None:
    text = page("/")

    assert 'data-tier="standard"' in text
    assert "500 more growth points to Silver" in text


def test_a_tier_held_shows_what_keeps_it_and_why_it_was_given(page: Page, rule_book: RuleBook, mei: Member) -> None:
    figures = {"tenure": 25, "growth_points:growth/12m": 812}
    valid = datetime.date(2099, 1, 31)
    as_of = datetime.date(2026, 2, 1)
    DecisionFactory(member=mei, tier="silver", as_of=as_of, figures=figures, valid_until=valid)

    text = page("/tier")

    assert "To keep Silver" in text
    assert "400 more growth points" in text
    assert "valid until 31 January 2099" in text
    assert "812 growth points in the last 12 months" in text
    assert 'data-tier="silver"' in page("/")


def test_decisions_about_others_stay_with_them(page: Page, rule_book: RuleBook) -> None:
    figures = {"tenure": 25, "growth_points:growth/12m": 812}
    DecisionFactory(member=MemberFactory(), tier="silver", as_of=datetime.date(2026, 2, 1), figures=figures)

    assert "812" not in page("/tier")


def test_growth_points_show_only_where_a_programme_asks_for_them(client: Client, page: Page, mei: Member) -> None:
    PointCurrencyFactory()
    growth = PointCurrencyFactory(growth=True)

    unused = client.get("/points/growth").status_code
    ConditionFactory(series=SeriesFactory(growth=True), window="months", window_length=12, enter_minimum=500)

    assert unused == 404
    assert "When points lapse" not in page(f"/points/{growth.code}")
    assert "Growth" not in page("/").partition("<main")[2].partition('class="way"')[0]


def test_another_programme_has_its_line_on_the_home_page(page: Page, rule_book: RuleBook) -> None:
    ProgrammeFactory(code="companion", is_main=False)

    text = page("/").partition("Your other programmes")[2]

    assert "Companion" in text
    assert 'data-tier="standard"' in text


DAY = datetime.timedelta(days=1)


@pytest.fixture
def spending(mei: Member) -> RuleBook:
    """Silver from 500 growth points in 12 months, gold from 1,500, reviewed every night; each ¥1 by card earns a growth point."""
    reward, growth = PointCurrencyFactory(), SeriesFactory(growth=True)
    EarningRuleVersionFactory(
        reward_currency=reward,
        growth_currency=growth.currency,
        growth_rate=1,
        kinds_in=["card_spend"],
        direction="debit",
    )
    EarningRuleVersionFactory(
        reward_currency=reward, merchant_categories_in=["travel"], growth_currency=growth.currency, growth_rate=9
    )
    book = RuleBookFactory()
    for tier, points in ((1, 500), (2, 1500)):
        ConditionFactory(
            rule_book=book, tier=book.programme.tiers.get(rank=tier), series=growth, window="months", window_length=12,
            enter_minimum=points,
        )  # fmt: skip
    return book


def test_the_next_review_and_what_comes_stand_on_the_page(page: Page, spending: RuleBook, today: datetime.date) -> None:
    text = page("/tier")

    assert f"Your next review is on {date_format(today + DAY)}." in text
    assert "Missing for Silver: 500 more growth points. It is given the night all is met." in text
    assert "What if I spend more?" in text
    assert "An estimate" not in text


def test_what_a_monthly_spending_would_give_is_estimated(page: Page, spending: RuleBook) -> None:
    text = page("/tier?spend=100")

    answer = text.partition("With ¥100.00 by card each month")[2].partition("An estimate, not a promise")[0]
    assert re.findall(r"after (\d+) payments?", answer) == ["1", "6", "12"]
    assert re.findall(r'data-tier="(\w+)"', answer) == ["standard", "silver", "silver"]
    assert re.findall(r"([\d,]+) of ([\d,]+) for (\w+)", answer) == [
        ("100", "500", "Silver"),
        ("600", "1,500", "Gold"),
        ("1,200", "1,500", "Gold"),
    ]


def test_the_boundary_of_an_estimate_is_exact(page: Page, spending: RuleBook) -> None:
    tiers = [
        re.findall(r'</p>\s*<p><span class="pill" data-tier="(\w+)"', page(f"/tier?spend={spend}"))
        for spend in (124, 125)
    ]

    assert [found[-1] for found in tiers] == ["silver", "gold"]


@pytest.mark.parametrize("spend", ["", "0", "-5", "1.5", "ten", "99999999", "\0"])
def test_a_spending_that_is_none_says_what_is_asked_for(page: Page, spending: RuleBook, spend: str) -> None:
    text = page(f"/tier?{urlencode({'spend': spend})}")

    assert 'role="alert"' in text
    assert "An estimate" not in text


def test_a_protected_tier_says_so_on_the_card(
    page: Page, spending: RuleBook, mei: Member, today: datetime.date
) -> None:
    growth = {"growth_points:growth/12m": 812}
    DecisionFactory(member=mei, tier="silver", as_of=datetime.date(2026, 2, 1), figures=growth)
    Protection.objects.create(
        member=mei, programme=spending.programme, kind="freeze", tier=spending.programme.tiers.get(rank=1), reason="-",
        starts_on=today - DAY, until=today + 90 * DAY,
    )  # fmt: skip

    text = page("/tier")

    assert f"frozen until {date_format(today + 90 * DAY)}" in text
    assert f"frozen until {date_format(today + 90 * DAY)}" in page("/")
    assert "It is frozen: no review before" in text


def test_several_programmes_are_listed_with_their_tiers_first(page: Page, spending: RuleBook) -> None:
    other = RuleBookFactory(programme=ProgrammeFactory(code="companion", is_main=False))
    ConditionFactory(rule_book=other)

    listed = page("/tier").partition("Your programmes")[2].partition("</nav>")[0]

    assert re.findall(r'href="#(\w+)"', listed) == ["loyalty", "companion"]
    assert "next review on" in listed


def test_where_paying_counts_for_nothing_it_says_so(page: Page, rule_book: RuleBook) -> None:
    assert "Paying by card adds nothing to what this programme asks for." in page("/tier?spend=100")
