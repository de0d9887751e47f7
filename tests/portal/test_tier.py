"""What a member reads of his tier: what holds it, what the next one asks, how it came about."""

import datetime
from collections.abc import Callable

import pytest
from django.test import Client

from members.models import Member
from tests.factories import (
    ConditionFactory,
    DecisionFactory,
    MemberFactory,
    PointCurrencyFactory,
    ProgrammeFactory,
    RuleBookFactory,
    SeriesFactory,
)
from tiers.models import RuleBook

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
