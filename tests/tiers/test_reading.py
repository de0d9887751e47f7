"""Reading the rules of a draft: nothing is saved, and every complaint is listed."""

import datetime
from decimal import Decimal

import pytest

from tests.factories import BankFactory, PointCurrencyFactory, ProgrammeFactory, SeriesFactory
from tiers import reading
from tiers.compiling import Measure
from tiers.models import Condition, RuleBook, Series

pytestmark = pytest.mark.django_db
MAY = datetime.date(2026, 5, 1)
GROWTH = {"metric": "growth_points", "currency": "growth", "window": "12 months"}
DOCUMENT = {
    "calendar": "half_year_end",
    "upgrades": "nightly",
    "validity_months": 6,
    "validity_by_tier": {"gold": 12},
    "downgrade": "grace",
    "grace": "3 months",
    "grace_by_tier": {"silver": "6 months"},
    "multipliers": {"gold": "1.5"},
    "conditions": [
        {"tier": "gold", **GROWTH, "enter": 900, "keep": 800},
        {"tier": "silver", **GROWTH, "enter": 500},
    ],
}


@pytest.fixture
def programme():
    BankFactory(first_business_date=datetime.date(2025, 1, 1))
    PointCurrencyFactory(growth=True)
    return ProgrammeFactory()


def test_a_draft_is_read_as_the_ladder_it_would_be(programme):
    ladder = reading.ladder_of(document=DOCUMENT, programme=programme, in_force_from=MAY)

    assert [one.tier.code for one in ladder.conditions] == ["silver", "gold"]
    assert (ladder.validities, ladder.graces) == ([6, 6, 12], [3, 6, 3])
    assert (ladder.rule_book.grace_unit, ladder.rule_book.one_step, ladder.rule_book.in_force_from) == (
        "months",
        True,
        MAY,
    )
    assert [terms.multiplier for terms in ladder.terms] == [1, 1, Decimal("1.5")]
    assert not (RuleBook.objects.exists() or Condition.objects.exists() or Series.objects.exists())


def test_a_quantity_counted_already_keeps_its_series_and_a_new_one_gets_one(programme):
    counted = SeriesFactory(growth=True)
    rules = DOCUMENT | {
        "conditions": [
            {**one, **more}
            for one in DOCUMENT["conditions"]
            for more in ({}, {"metric": "products_held", "enter": 1, "keep": 1, "currency": None, "window": None})
        ]
    }
    rules["conditions"] = [
        {key: value for key, value in one.items() if value is not None} for one in rules["conditions"]
    ]

    ladder = reading.ladder_of(document=rules, programme=programme, in_force_from=MAY)
    reading.share_series(ladder.conditions)

    assert {one.series.pk for one in ladder.conditions if one.metric == "growth_points"} == {counted.pk}
    [products] = {one.series for one in ladder.conditions if one.metric == "products_held"}
    assert products.pk
    assert len({Measure.of(one).key for one in ladder.conditions}) == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"downgrade": "immediate"}, "grace: stands only beside downgrade = grace"),
        ({"grace": "soon"}, "grace: is wrong: such as 90 days or 3 months"),
        ({"grace_by_tier": {"silver": "9 days"}}, "grace_by_tier.silver: is wrong: the rule book's grace is in months"),
        ({"calendar": "fortnightly"}, "calendar: is wrong: one of"),
        ({"conditions": []}, "conditions: Silver has no condition, so nobody could reach it."),
        ({"wishes": 3}, "wishes: is not known here"),
    ],
)
def test_what_is_wrong_is_said(programme, change, complaint):
    with pytest.raises(reading.InvalidRuleBook) as refused:
        reading.ladder_of(document=DOCUMENT | change, programme=programme, in_force_from=MAY)

    assert any(one.startswith(complaint) for one in refused.value.complaints), refused.value.complaints
    assert refused.value.code == "invalid_rule_book"
