"""Rules told to people: two conditions a sentence, examples that the rules themselves work out, and differences in words."""

import random

import pytest
from django.db import connection
from django.utils import translation

from tests.factories import BankFactory, PointCurrencyFactory, ProgrammeFactory
from tests.tiers.ladders import LONG_AGO, MAY, random_document
from tests.tiers.rules import FIRST, changed
from tiers import contrasting, reading, telling
from tiers.compiling import Measure, Statement, Value
from tiers.describing import Words
from tiers.models import GRADES

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    BankFactory(first_business_date=LONG_AGO)
    PointCurrencyFactory(growth=True)
    return ProgrammeFactory()


def ladder_of(document, programme):
    return reading.ladder_of(document=document, programme=programme, in_force_from=MAY)


def told(ladder, language="en"):
    return {one.language: one for one in telling.in_each_language(ladder)}[language]


def test_a_tier_with_several_ways_is_told_way_by_way(programme):
    gold, silver, standard = told(ladder_of(FIRST, programme)).tiers

    assert gold.sentences == [
        "Gold is reached in any of 2 ways.",
        "Way 1: at least 6,000 growth points in the last 12 months.",
        "Way 2: average daily assets of at least ¥200,000.00 in the last 90 days.",
        "Gold is kept in any of 2 ways.",
        "Way 1: at least 4,800 growth points in the last 12 months.",
        "Way 2: average daily assets of at least ¥200,000.00 in the last 90 days.",
        "Points are multiplied by 1.5.",
    ]
    assert silver.example == [
        "Example: a member has 2,000 growth points in the last 12 months.",
        "That makes Silver.",
        "With 1,999 growth points in the last 12 months it makes Standard; for Silver this is missing: 1 more growth point.",
    ]
    assert (standard.sentences, standard.example) == (["Everybody else is Standard."], [])


def test_the_three_languages_say_the_same_rules(programme):
    wordings = telling.in_each_language(ladder_of(FIRST, programme))

    assert [one.language for one in wordings] == ["en", "zh-hans", "zh-hant"]
    assert {len(told.sentences) for one in wordings for told in one.tiers[:1]} == {7}
    assert "2,000" in "".join(wordings[1].tiers[1].sentences)
    assert wordings[1].tiers[0].sentences != wordings[0].tiers[0].sentences != wordings[2].tiers[0].sentences
    assert translation.get_language() == "en"


@pytest.mark.parametrize("seed", range(25))
def test_no_sentence_holds_more_than_two_conditions_and_none_is_left_out(programme, seed):
    ladder = ladder_of(random_document(random.Random(seed), programme), programme)
    words = Words()

    for tier in ladder.tiers[1:]:
        said = telling.reaching(ladder, tier, words)
        asked = [words.asked(one, one.enter_minimum) for group in ladder.groups_of(tier) for one in group]
        assert all(sum(one in sentence for one in set(asked)) <= 2 for sentence in said)
        assert all(any(one in sentence for sentence in said) for one in asked)


@pytest.mark.parametrize("seed", range(25))
def test_an_example_is_what_the_reviews_evaluator_finds(programme, seed):
    """The statement that reviews compile, over the example's figures, gives the tier that the example names."""
    ladder = ladder_of(random_document(random.Random(seed), programme), programme)
    picked = random.Random(seed)

    for tier in ladder.tiers[1:]:
        for present in ladder.tiers:
            minima = {Measure.of(one).key: one.enter_minimum for one in ladder.groups_of(tier)[0]}
            figures = {key: Value(total=minimum - picked.randint(0, 1)) for key, minimum in minima.items()}
            if picked.random() < 0.5:
                figures["risk_grade"] = Value(total=picked.randint(1, 6))
            statement = Statement(as_of=MAY)
            statement.measured(ladder.measures, where="true")
            columns = ", ".join(
                f"{total_of(figures, measure)}::bigint AS value_{place}, 1 AS days_{place}"
                for place, measure in enumerate(ladder.measures)
            )
            expression = statement.target(ladder)
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT {expression} FROM (SELECT {present.rank + 1} AS present, {columns}) AS m",
                    statement.parameters,
                )
                [place] = cursor.fetchone()
            assert telling.target(ladder, figures, present) == ladder.tiers[place - 1]


def total_of(figures, measure):
    """Return a figure as SQL has it: a grade that was never reported is NULL."""
    if measure.key in figures:
        return figures[measure.key].total
    return "NULL" if measure.metric in GRADES else 0


def differences(before, after):
    return [
        (one.tier and one.tier.code, one.what, one.before, one.after) for one in contrasting.contrast(before, after)
    ]


def test_what_differs_is_said_term_by_term(programme):
    before = ladder_of(FIRST, programme)
    after = ladder_of(
        changed(1500, calendar="quarter_end", validity_by_tier={"gold": 24}, multipliers={"gold": "1.25"}), programme
    )

    assert differences(before, after) == [
        (None, "review calendar", "at the end of each month", "at the end of each quarter"),
        ("silver", "growth points in the last 12 months, to enter", "2,000", "1,500"),
        ("silver", "growth points in the last 12 months, to keep", "1,600", "1,400"),
        ("gold", "points multiplier", "× 1.5", "× 1.25"),
        ("gold", "validity", "12 months", "24 months"),
    ]
    assert differences(before, before) == []


def test_what_comes_and_goes_and_what_all_tiers_share_is_said_once(programme):
    before = ladder_of(FIRST, programme)
    after = ladder_of(
        FIRST | {"validity_months": 6, "conditions": [one for one in FIRST["conditions"] if one.get("group", 1) == 1]},
        programme,
    )

    assert differences(before, after) == [
        (None, "validity", "12 months", "6 months"),
        ("silver", "way 2: average daily assets in the last 90 days, to enter", "¥50,000.00", "–"),
        ("silver", "way 2: average daily assets in the last 90 days, to keep", "¥40,000.00", "–"),
        ("gold", "way 2: average daily assets in the last 90 days, to enter", "¥200,000.00", "–"),
        ("gold", "way 2: average daily assets in the last 90 days, to keep", "¥200,000.00", "–"),
    ]
    assert ("silver", "growth points in the last 12 months, to enter", "–", "2,000") in differences(None, before)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_changes_shows(programme, seed):
    one, other = (
        ladder_of(random_document(random.Random(number), programme), programme) for number in (seed, seed + 1)
    )

    assert differences(one, other)
    assert differences(one, one) == []
