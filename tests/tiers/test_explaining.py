"""Explaining: the figures beside their minima, what is missing, and the same in words."""

import datetime

import pytest
from django.utils.translation import override

from foundation.actors import Actor
from tests.factories import BankFactory, ConditionFactory, MemberFactory, RuleBookFactory, SeriesFactory
from tiers import reviewing
from tiers.describing import describe
from tiers.explaining import explain
from tiers.models import RunningTotal, TierTerms

pytestmark = pytest.mark.django_db
MARCH_31 = datetime.date(2026, 3, 31)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def book():
    """Silver for ¥2,000 on average or 500 growth points; gold for ¥5,000 and 2 products, kept with ¥4,000."""
    BankFactory()
    book = RuleBookFactory()
    assets, growth, products = SeriesFactory(), SeriesFactory(growth=True), SeriesFactory(metric="products_held")
    silver, gold = book.programme.tiers.filter(rank__gt=0).order_by("rank")
    average = {"rule_book": book, "series": assets, "window": "days", "window_length": 90}
    ConditionFactory(**average, tier=silver, group=1, enter_minimum=200_000)
    ConditionFactory(
        rule_book=book, tier=silver, group=2, series=growth, window="months", window_length=12, enter_minimum=500
    )
    ConditionFactory(**average, tier=gold, enter_minimum=500_000, keep_minimum=400_000)
    ConditionFactory(rule_book=book, tier=gold, series=products, enter_minimum=2)
    TierTerms.objects.create(rule_book=book, tier=gold, multiplier="1.5")
    return book


def hold(book, *, assets_minor, growth=0, products=0, day=MARCH_31):
    """Make a member with an even balance, points and products."""
    member = MemberFactory()
    RunningTotal.objects.create(
        member_id=member.pk, series_id=SeriesFactory().pk, day=day, first_day=day, level=assets_minor, total=0
    )
    for series, count in ((SeriesFactory(growth=True), growth), (SeriesFactory(metric="products_held"), products)):
        RunningTotal.objects.create(member_id=member.pk, series_id=series.pk, day=day, first_day=day, total=count)
    return member


def review(as_of):
    reviewing.review(as_of=as_of, first_member=1, last_member=2**63 - 1, run=None, actor=Actor.job("close_day"))


def test_the_next_tier_shows_each_figure_beside_its_minimum_and_the_nearest_way(book):
    member = hold(book, assets_minor=150_000, growth=499)

    explanation = explain(member=member, programme=book.programme, as_of=MARCH_31)

    assert (explanation.tier.code, explanation.next_tier.code, explanation.satisfied.code) == (
        "standard",
        "silver",
        "standard",
    )
    figures = [
        [(one.value_shown, one.minimum_shown, one.met, one.gap_shown, one.percent) for one in group.measured]
        for group in explanation.rising
    ]
    assert figures == [
        [("¥1,500.00", "¥2,000.00", False, "¥500.00 more in average daily assets", 75)],
        [("499", "500", False, "1 more growth point", 99)],
    ]
    assert explanation.nearest is explanation.rising[1]
    assert explanation.sentences == [
        "Standard, as everybody who satisfies no higher tier.",
        "Missing for Silver: 1 more growth point. It is given the night all is met.",
    ]


def test_the_present_tier_is_told_from_its_decision(book):
    member = hold(book, assets_minor=428_000)
    review(MARCH_31)

    explanation = explain(member=member, programme=book.programme, as_of=MARCH_31 + DAY)

    assert explanation.sentences == [
        "Silver since 31 March 2026, up from Standard, because of "
        "average daily assets of ¥4,280.00 in the last 90 days (¥2,000.00 or more are asked).",
        "Each review decides afresh, the next one on 2 April 2026.",
        "Missing for Gold: ¥720.00 more in average daily assets and 2 more products. It is given the night all is met.",
    ]
    assert [[one.met for one in group.measured] for group in explanation.keeping] == [[True], [False]]
    assert explain(member=member, programme=book.programme, as_of=MARCH_31 - DAY).tier.code == "standard"


def test_at_the_top_nothing_is_missing(book):
    member = hold(book, assets_minor=500_000, products=2)
    review(MARCH_31)

    explanation = explain(member=member, programme=book.programme, as_of=MARCH_31)

    assert (explanation.tier.code, explanation.next_tier, explanation.nearest) == ("gold", None, None)
    assert explanation.outlook == [
        "Each review decides afresh, the next one on 1 April 2026.",
        "There is no higher tier.",
    ]
    assert explanation.sentences[0].endswith(
        "because of average daily assets of ¥5,000.00 in the last 90 days (¥5,000.00 or more are asked)"
        " and 2 products held (2 or more are asked)."
    )


def test_a_downgrade_names_what_the_lost_tier_lacked(book):
    member = hold(book, assets_minor=500_000, products=2)
    review(MARCH_31)
    RunningTotal.objects.filter(member_id=member.pk, total=2).update(total=1)

    review(MARCH_31 + DAY)

    explanation = explain(member=member, programme=book.programme, as_of=MARCH_31 + DAY)
    assert explanation.reason == (
        "Silver since 1 April 2026, down from Gold, because of only 1 product held (2 or more are asked)."
    )


def test_before_the_review_the_explanation_says_what_it_will_give(book):
    member = hold(book, assets_minor=500_000, products=2)

    explanation = explain(member=member, programme=book.programme, as_of=MARCH_31)

    assert explanation.satisfied.code == "gold"
    assert explanation.outlook == ["All that Gold asks is met; the review of 1 April 2026 gives it."]


def test_the_gap_is_enough_and_no_more(book):
    """A third of a cent is missing on average: a gap of one cent fills it."""
    member = MemberFactory()
    RunningTotal.objects.create(
        member_id=member.pk,
        series_id=SeriesFactory().pk,
        day=MARCH_31 - 2 * DAY,
        first_day=MARCH_31 - 2 * DAY,
        level=200_000,
        total=-1,
    )

    (measured,) = explain(member=member, programme=book.programme, as_of=MARCH_31).rising[0].measured

    assert (measured.value.total, measured.value.days, measured.gap, measured.value_shown) == (
        599_999,
        3,
        1,
        "¥2,000.00",
    )
    assert (measured.met, measured.percent) == (False, 99)


def test_a_rule_book_is_described_from_its_rules(book):
    description = describe(book)

    assert [(one.tier.code, one.entering, one.keeping, f"{one.multiplier:f}") for one in description.tiers] == [
        ("standard", "everybody else", "", "1"),
        (
            "silver",
            "average daily assets of at least ¥2,000.00 in the last 90 days, or at least 500 growth points in the last 12 months",
            "",
            "1",
        ),
        (
            "gold",
            "average daily assets of at least ¥5,000.00 in the last 90 days and at least 2 products held",
            "average daily assets of at least ¥4,000.00 in the last 90 days and at least 2 products held",
            "1.500",
        ),
    ]
    assert description.lasting == [
        "Members are reviewed every night.",
        "Each review decides afresh.",
        "Who no longer qualifies goes down to the tier whose minima are met.",
    ]
    assert description.counting[0] == (
        "Average daily assets are the mean of the end-of-day balances of deposit, wealth and insurance accounts; "
        "other accounts don't count."
    )


def test_every_metric_window_and_exclusion_has_its_words():
    BankFactory()
    book = RuleBookFactory()
    silver, gold = book.programme.tiers.filter(rank__gt=0).order_by("rank")
    wealth = SeriesFactory(selection=["fund", "wealth"])
    cards = SeriesFactory(metric="transaction_amount", selection=["card_spend"])
    for tier in (silver, gold):
        asked = {"rule_book": book, "tier": tier}
        ConditionFactory(**asked, series=wealth, window="days", window_length=90, enter_minimum=500_000)
        ConditionFactory(**asked, series=cards, window="year", enter_minimum=100_050)
        ConditionFactory(
            **asked, group=2, series=SeriesFactory(growth=True), metric="cumulative_contribution", enter_minimum=900
        )
        ConditionFactory(**asked, group=2, metric="credit_grade", enter_minimum=7)
        ConditionFactory(
            **asked,
            group=3,
            series=SeriesFactory(metric="transaction_count"),
            window="membership_year",
            enter_minimum=12,
        )
    ConditionFactory(rule_book=book, tier=gold, metric="risk_grade", excludes=True, enter_minimum=4)

    _standard, of_silver, of_gold = describe(book).tiers
    with override("zh-hans"):
        in_chinese = describe(book).tiers[2].entering

    assert of_silver.entering == (
        "average daily assets of at least ¥5,000.00 in the last 90 days (only fund and wealth)"
        " and transactions that add up to at least ¥1,000.50 since 1 January (only card payment),"
        " or at least 900 growth points since joining and a credit grade of at least 7,"
        " or at least 12 transactions since the last anniversary of joining"
    )
    assert of_gold.entering == f"{of_silver.entering}; never with a risk grade of 4 or more"
    assert in_chinese == (
        "近 90 天日均资产至少 ¥5,000.00（仅计基金及理财）及自 1 月 1 日起交易金额合计至少 ¥1,000.50（仅计刷卡消费），"
        "或入会以来成长值至少 900及信用等级至少 7，或自上一入会周年日起交易至少 12 笔；风险等级达 4 的除外"
    )
    assert describe(book).counting == [
        "Average daily assets are the mean of the end-of-day balances of fund and wealth accounts; other accounts don't count.",
        "To the transaction amount only these add: card payment; a refund takes back what it gave back.",
        "The contribution is every growth point since joining, until a refund takes it back. It has no end.",
        "The credit grade is the last one reported; higher is better, and without one the rule is not met.",
        "Every transaction counts, on the day it happened, unless it was taken back whole.",
        "The risk grade is the last one reported; higher is riskier, and without one nothing is ruled out.",
    ]


def test_what_is_missing_names_the_kinds_that_count():
    BankFactory()
    book = RuleBookFactory()
    cards = SeriesFactory(metric="transaction_amount", selection=["card_spend"])
    ConditionFactory(rule_book=book, series=cards, window="year", enter_minimum=100_000)
    member = MemberFactory()
    RunningTotal.objects.create(member_id=member.pk, series_id=cards.pk, day=MARCH_31, first_day=MARCH_31, total=99_900)

    told = explain(member=member, programme=book.programme, as_of=MARCH_31)

    assert told.outlook == [
        "Missing for Silver: ¥1.00 more in transactions (only card payment). It is given the night all is met."
    ]
    [measured] = told.rising[0].measured
    assert measured.label == "transaction amount since 1 January (only card payment)"
    assert (measured.value_shown, measured.minimum_shown, measured.percent) == ("¥999.00", "¥1,000.00", 99)
    RunningTotal.objects.update(total=100_000)
    review(MARCH_31)
    assert explain(member=member, programme=book.programme, as_of=MARCH_31).reason.endswith(
        "because of transactions of ¥1,000.00 in all since 1 January (only card payment; ¥1,000.00 or more are asked)."
    )


def test_an_explanation_takes_few_statements(book, django_assert_max_num_queries):
    member = hold(book, assets_minor=428_000)
    review(MARCH_31)

    with override("zh-hans"), django_assert_max_num_queries(12):
        assert explain(member=member, programme=book.programme, as_of=MARCH_31).sentences


def test_no_rule_book_in_force_explains_nothing(book):
    assert explain(member=MemberFactory(), programme=book.programme, as_of=datetime.date(2019, 12, 31)) is None
