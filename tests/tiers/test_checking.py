"""What keeps rules from being a rule book: one whole sentence each, in the reader's language."""

import dataclasses
import datetime

import pytest
from django.utils.translation import override

from activity.models import BalanceSnapshot
from tests.factories import (
    FIRST_BUSINESS_DATE,
    AccountFactory,
    ActivityFactory,
    BankFactory,
    ConditionFactory,
    PointCurrencyFactory,
    ProgrammeFactory,
    RuleBookFactory,
    SeriesFactory,
)
from tiers import checking
from tiers.compiling import load
from tiers.models import Condition, RuleBook, Series, Tier

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
MARCH_2 = datetime.date(2026, 3, 2)


@dataclasses.dataclass
class Draft:
    """Rules as a person writes them, nothing of them saved."""

    rule_book: RuleBook
    tiers: list[Tier]
    conditions: list[Condition]


def draft(*conditions, codes=("standard", "silver", "gold")):
    """Make a draft in force from 2 March 2026 of conditions given as (tier's rank, keys)."""
    tiers = [
        Tier(rank=rank, code=code, names={"en": code.capitalize(), "zh-hans": code}) for rank, code in enumerate(codes)
    ]
    return Draft(
        rule_book=RuleBook(in_force_from=MARCH_2),
        tiers=tiers,
        conditions=[Condition(tier=tiers[rank], **condition(**keys)) for rank, keys in conditions],
    )


def condition(metric="tenure", enter=12, keep=None, **keys):
    series = keys.pop("series", None)
    if series is None and metric in ("transaction_count", "transaction_amount", "average_assets", "products_held"):
        series = Series(metric=metric, selection=keys.pop("selection", []))
    return {
        "group": 1, "metric": metric, "series": series, "enter_minimum": enter, "keep_minimum": enter if keep is None else keep,
    } | keys  # fmt: skip


TWO = [(1, {"enter": 12}), (2, {"enter": 24})]
CARDS = {"metric": "transaction_count", "selection": ["card_spend"], "window": "days", "window_length": 90}


def test_rules_that_make_sense_are_not_complained_of():
    assert checking.complaints(draft(*TWO, (2, {"metric": "risk_grade", "excludes": True, "enter": 4}))) == []


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"metric": "mood"}, "Gold: nothing is known as “mood” to measure."),
        ({"enter": 24, "keep": 25}, "Gold: keeping asks for more than entering: tenure in months."),
        ({"metric": "transaction_count"}, "Gold: over which window is missing: transactions."),
        ({"window": "year"}, "Gold: it has no window: tenure in months."),
        (
            CARDS | {"window_length": None},
            "Gold: a window of months or days needs its length, no other has one: transactions.",
        ),
        (
            CARDS | {"window": "year"},
            "Gold: a window of months or days needs its length, no other has one: transactions.",
        ),
        ({"metric": "cumulative_contribution"}, "Gold: in which growth points is missing: cumulative contribution."),
        (
            {"series": Series(metric="tenure", selection=["card"])},
            "Gold: it can't be narrowed to a selection: tenure in months.",
        ),
        ({"metric": "credit_grade", "enter": 0}, "Gold: grades go from 1 to 1,000: credit grade."),
        ({"metric": "credit_grade", "enter": 1001}, "Gold: grades go from 1 to 1,000: credit grade."),
        (
            {"metric": "risk_grade", "enter": 4},
            "Gold: a risk grade rules a tier out, and nothing else does: risk grade.",
        ),
        ({"excludes": True}, "Gold: a risk grade rules a tier out, and nothing else does: tenure in months."),
    ],
)
def test_a_condition_is_wrong_by_itself(keys, sentence):
    assert checking.complaints(draft((1, {}), (2, {"enter": 24} | keys))) == [sentence]


@pytest.mark.parametrize("grade", [1, 1000])
def test_the_ends_of_the_scale_are_grades(grade):
    assert (
        checking.complaints(draft((1, {"metric": "credit_grade", "enter": grade}), codes=("standard", "silver"))) == []
    )


@pytest.mark.parametrize(
    ("conditions", "sentences"),
    [
        ([(1, {})], ["Gold has no condition, so nobody could reach it."]),
        (
            [(1, {}), (2, {"metric": "risk_grade", "excludes": True, "enter": 4})],
            ["Gold has no condition, so nobody could reach it."],
        ),
        (
            [(1, {}), (2, {"enter": 24}), (2, {"enter": 25})],
            ["Gold asks for the same twice in group 1: tenure in months."],
        ),
        ([(1, {"enter": 24}), (2, {"enter": 23})], ["Gold asks for less than Silver in group 1: tenure in months."]),
        (
            [(1, {"enter": 24}), (2, {"enter": 30, "keep": 23})],
            ["Gold asks for less than Silver in group 1: tenure in months."],
        ),
        (
            [(1, {"enter": 24}), (1, CARDS), (2, {"enter": 30})],
            [
                "Gold does not ask in group 1 for what Silver asks: transactions in the last 90 days (only card payment)."
            ],
        ),
        (
            [(1, {"enter": 24}), (2, {"enter": 24})],
            ["Nobody could hold Silver: who satisfies it satisfies Gold, which asks for no more."],
        ),
        (
            [(1, {"enter": 24}), (1, {"group": 2, "enter": 36}), (2, {"group": 3, "enter": 24})],
            ["Nobody could hold Silver: who satisfies it satisfies Gold, which asks for no more."],
        ),
        (
            [*TWO, *((rank, {"metric": "risk_grade", "excludes": True, "enter": 4}) for rank in (1, 2))],
            ["Gold is ruled out already where Silver is, from 4 on: risk grade."],
        ),
        (
            [*TWO, *((2, {"metric": "risk_grade", "excludes": True, "enter": grade}) for grade in (4, 5))],
            ["Gold is ruled out twice: risk grade."],
        ),
        ([(0, {}), *TWO], ["Standard is everybody's and can ask for nothing."]),
    ],
)
def test_conditions_do_not_fit_each_other(conditions, sentences):
    assert checking.complaints(draft(*conditions)) == sentences


@pytest.mark.parametrize(
    "conditions",
    [
        [(1, {"enter": 24}), (2, {"enter": 25})],
        [(1, {"enter": 24, "keep": 20}), (2, {"enter": 24, "keep": 21})],  # who falls out of gold can still keep silver
        [(1, {"enter": 24}), (2, {"enter": 24}), (2, CARDS)],
        [(1, {"enter": 24}), (1, {"group": 2, "enter": 1}), (2, {"enter": 24})],
        [(1, {"enter": 24}), (2, {"enter": 24}), (2, {"metric": "risk_grade", "excludes": True, "enter": 4})],
        [
            *TWO,
            (1, {"metric": "risk_grade", "excludes": True, "enter": 5}),
            (2, {"metric": "risk_grade", "excludes": True, "enter": 4}),
        ],
    ],
)
def test_a_ladder_may_be_close(conditions):
    assert checking.complaints(draft(*conditions)) == []


class TestMembershipYear:
    """On the day of an anniversary review a membership year is one day old; twelve months then are the year that has gone."""

    @pytest.mark.parametrize(
        ("calendar", "keys", "is_in_order"),
        [
            ("anniversary", {"window": "membership_year"}, False),
            ("anniversary", {"window": "months", "window_length": 12}, True),
            ("anniversary", {"window": "year"}, True),
            ("nightly", {"window": "membership_year"}, True),
        ],
    )
    def test_it_is_not_asked_for_where_it_has_just_begun(self, calendar, keys, is_in_order):
        rules = draft((1, {"metric": "transaction_count"} | keys), codes=("standard", "silver"))
        rules.rule_book.calendar = calendar

        sentences = checking.complaints(rules)

        assert sentences == (
            []
            if is_in_order
            else [
                "Silver: on an anniversary the membership year is one day old; ask for the last 12 months:"
                " transactions since the last anniversary of joining."
            ]
        )


class TestHistory:
    @pytest.mark.parametrize(
        ("keys", "known_from", "known"),
        [
            ({"window": "days", "window_length": 90}, datetime.date(2025, 12, 3), True),  # its first day
            ({"window": "days", "window_length": 90}, datetime.date(2025, 12, 4), False),
            ({"window": "months", "window_length": 12}, datetime.date(2025, 3, 3), True),
            ({"window": "months", "window_length": 12}, datetime.date(2025, 3, 4), False),
            ({"window": "year"}, MARCH_2, True),
            ({"window": "membership_year"}, MARCH_2, True),
        ],
    )
    def test_a_window_must_not_begin_before_the_facts(self, keys, known_from, known):
        rules = draft((1, {"metric": "transaction_count"} | keys), codes=("standard", "silver"))

        sentences = checking.complaints(rules, history_from=known_from)

        assert len(sentences) == (0 if known else 1)
        assert checking.complaints(rules) == []
        if not known:
            assert sentences[0].startswith("Silver looks further back than the bank's facts, which begin on ")

    def test_the_sentence_names_the_day_and_the_condition(self):
        rules = draft((1, CARDS), codes=("standard", "silver"))

        assert checking.complaints(rules, history_from=MARCH_2) == [
            "Silver looks further back than the bank's facts, which begin on 2 March 2026:"
            " transactions in the last 90 days (only card payment)."
        ]

    def test_history_begins_with_what_the_first_close_took(self, django_assert_num_queries):
        assert checking.history_from() is None
        BankFactory()
        assert checking.history_from() == FIRST_BUSINESS_DATE
        ActivityFactory(occurred_on=FIRST_BUSINESS_DATE - 30 * DAY)
        ActivityFactory(
            occurred_on=FIRST_BUSINESS_DATE - 300 * DAY, booked_on=FIRST_BUSINESS_DATE + DAY
        )  # one late fact

        with django_assert_num_queries(1):
            assert checking.history_from() == FIRST_BUSINESS_DATE - 30 * DAY

        account = AccountFactory()
        account_snapshot(account, FIRST_BUSINESS_DATE - 31 * DAY)
        assert checking.history_from() == FIRST_BUSINESS_DATE - 31 * DAY


def account_snapshot(account, day):
    BalanceSnapshot.objects.create(
        member_id=account.member_id,
        account_id=account.pk,
        day=day,
        amount_minor=1,
        booked_on=FIRST_BUSINESS_DATE,
        source_id=1,
    )


def test_a_rule_book_in_force_is_checked_alike():
    BankFactory()
    book = RuleBookFactory(programme=ProgrammeFactory())
    growth = SeriesFactory(growth=True, currency=PointCurrencyFactory(growth=True))
    silver, gold = book.programme.tiers.filter(rank__gt=0).order_by("rank")
    for tier in (silver, gold):
        ConditionFactory(
            rule_book=book, tier=tier, series=growth, window="months", window_length=12, enter_minimum=1000 // tier.rank
        )
    [ladder] = load([book])

    assert checking.complaints(ladder) == [
        "Gold asks for less than Silver in group 1: growth points in the last 12 months."
    ]
    with override("zh-hans"):
        [sentence] = checking.complaints(ladder)
    assert sentence == "第 1 组中Gold的要求低于Silver：近 12 个月成长值。"
