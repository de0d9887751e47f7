"""What activities earn, rule by rule. Wang is a member; all dates hang on the first business date, 2 March 2026."""

import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.describing import example_of
from campaigns.models import EarningRuleVersion
from points.models import Entry, Lot
from tests.campaigns.night import close_on, earn_all, points_of
from tests.factories import (
    FIRST_BUSINESS_DATE,
    ActivityFactory,
    BankFactory,
    DecisionFactory,
    EarningRuleFactory,
    EarningRuleVersionFactory,
    MemberFactory,
    PointCurrencyFactory,
    ProgrammeFactory,
    RuleBookFactory,
)

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
MULTIPLIERS = {"standard": 1, "silver": Decimal("1.5"), "gold": 2}


@pytest.fixture(autouse=True)
def premier():
    """The bank is closing its first business date; its main programme multiplies by 1, 1.5 and 2."""
    BankFactory()
    close_on()
    return RuleBookFactory(multipliers=MULTIPLIERS).programme


@pytest.fixture
def wang():
    return MemberFactory()


@pytest.fixture
def growth():
    """Growth points, the second currency after reward points."""
    PointCurrencyFactory()
    return PointCurrencyFactory(growth=True)


# E07: exact decimals, rounded down once, at the end, in the database and in Python alike. Binary floats, or rounding on the way,
# would miss some of these.
@pytest.mark.parametrize(
    ("amount_minor", "rate", "multiplier", "points"),
    [
        (2_50, "1", "1", [2]),
        (2_99, "1", "1", [2]),
        (99, "1", "1", []),
        (1_00, "1", "1", [1]),
        (240_00, "0.1", "2", [48]),
        (29_00, "0.1", "1", [2]),
        (1_10, "10", "1", [11]),
        (57_00, "1.1", "1", [62]),
        (1_15, "100", "1", [115]),
        (10_00, "0.333333", "3", [9]),
        (3_33, "0.3", "1.001", []),
        (0, "5", "1", []),
        (123_456_789_012_34, "0.000001", "1.5", [185_185]),
        (999_999_999_999_99, "0.999999", "1", [999_998_999_999]),
        (10**14, "1000", "3", [10**12]),
        (99_999_999_999_999, "0.500001", "1.001", [500_501_000_999]),
    ],
)
def test_points_are_rounded_down_once(wang, amount_minor, rate, multiplier, points):
    other = ProgrammeFactory(code="other", is_main=False)
    RuleBookFactory(programme=other, multipliers={"standard": Decimal(multiplier)})
    version = EarningRuleVersionFactory(reward_rate=Decimal(rate), programmes=[other])
    ActivityFactory(member=wang, amount_minor=amount_minor)

    earn_all()

    assert points_of(wang) == points
    assert example_of(version, amount_minor=amount_minor, multiplier=Decimal(multiplier)) == {"points": sum(points)}


def test_a_hundred_thousand_thirds_are_truncated_one_by_one(wang):
    # E08: ¥1 × 0.333 is nothing each time, ¥4 × 0.333 is one point each time; no residue adds up.
    EarningRuleVersionFactory(reward_rate=Decimal("0.333"))
    pattern = ActivityFactory(member=wang, amount_minor=None)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO activity_activity SELECT (jsonb_populate_record(a, jsonb_build_object('external_id', n::text,"
            " 'amount_minor', CASE n %% 2 WHEN 0 THEN 100 ELSE 400 END))).*"
            " FROM activity_activity a, generate_series(1, 100000) n WHERE a.external_id = %s",
            [pattern.external_id],
        )

    assert earn_all() == {"posted": 50_000}
    assert sum(points_of(wang)) == 50_000


@pytest.mark.parametrize(
    ("rule", "taken", "left"),
    [
        ({"direction": "debit"}, {"direction": "debit"}, {"direction": "credit"}),
        ({"kinds_in": ["card_spend", "bill"]}, {"kind": "bill"}, {"kind": "log_in"}),
        ({"kinds_out": ["fee"]}, {"kind": "card_spend"}, {"kind": "fee"}),
        ({"purposes_in": ["tax"]}, {"purpose": "tax"}, {"purpose": ""}),
        ({"purposes_out": ["tax"]}, {"purpose": ""}, {"purpose": "tax"}),
        ({"products_in": ["p1"]}, {"product": "p1"}, {"product": "p2"}),
        ({"products_out": ["p1"]}, {"product": "p2"}, {"product": "p1"}),
        ({"channels_in": ["pos"]}, {"channel": "pos"}, {"channel": "POS"}),
        ({"channels_out": ["pos"]}, {"channel": "atm"}, {"channel": "pos"}),
        ({"merchant_categories_in": ["fuel"]}, {"merchant_category": "fuel"}, {"merchant_category": "tax"}),
        ({"merchant_categories_out": ["fuel"]}, {"merchant_category": "tax"}, {"merchant_category": "fuel"}),
        ({"minimum_amount_minor": 100_00}, {"amount_minor": 100_00}, {"amount_minor": 99_99}),
        ({}, {"amount_minor": 1_00}, {"amount_minor": None}),
        ({}, {"currency": "CNY"}, {"currency": "USD"}),
        ({"in_force_from": FIRST_BUSINESS_DATE}, {}, {"occurred_on": FIRST_BUSINESS_DATE - DAY}),
        ({"kinds_in": ["a", "b"], "channels_in": ["c"]}, {"kind": "a", "channel": "c"}, {"kind": "a", "channel": ""}),
    ],
)
def test_a_rule_takes_what_passes_all_its_filters(wang, rule, taken, left):
    EarningRuleVersionFactory(**rule)
    ActivityFactory(member=wang, external_id="taken", **taken)
    ActivityFactory(member=wang, external_id="left", **left)

    earn_all()

    assert [entry.cause for entry in Entry.objects.filter(member_id=wang.pk)] == ["activity/core/taken"]


def test_a_rule_per_activity_needs_no_amount(wang):
    EarningRuleVersionFactory(per="activity", reward_rate=5)
    ActivityFactory(member=wang, kind="log_in", direction="", amount_minor=None, currency="")

    earn_all()

    assert points_of(wang) == [5]


def test_several_rules_may_take_one_activity_and_each_gives_both_kinds_of_points(wang, growth):
    base = EarningRuleVersionFactory(growth_currency=growth, growth_rate=Decimal("0.5"))
    bonus = EarningRuleVersionFactory(reward_rate=Decimal("0.2"))
    ActivityFactory(member=wang)

    earn_all()

    assert points_of(wang) == [100, 20, 50]
    assert list(Entry.objects.filter(points__in=[100, 50]).values_list("rule_version_id", flat=True)) == [base.pk] * 2
    assert Entry.objects.get(points=20).rule_version_id == bonus.pk


def test_the_cap_comes_last_and_is_told(wang):
    EarningRuleVersionFactory(cap_per_activity=150)
    DecisionFactory(member=wang, tier="gold", as_of=FIRST_BUSINESS_DATE - DAY)
    ActivityFactory(member=wang)

    earn_all()

    entry = Entry.objects.get()
    assert entry.points == 150
    assert entry.figures == {
        "per": "amount", "amount_minor": 100_00, "rate": "1", "multiplier": "2", "programme": "loyalty", "tier": "gold",
        "uncapped": 200, "cap": 150,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("decided", "points"),
    [
        ([], [100]),
        ([("gold", 0)], [100]),
        ([("gold", -1)], [200]),
        ([("gold", -9), ("silver", -2)], [150]),
        ([("gold", -9), ("standard", -1), ("gold", 0)], [100]),
    ],
)
def test_an_activity_is_multiplied_by_the_standing_of_the_day_before(wang, decided, points):
    EarningRuleVersionFactory()
    for tier, days in decided:
        DecisionFactory(member=wang, tier=tier, as_of=FIRST_BUSINESS_DATE + days * DAY)
    ActivityFactory(member=wang)

    earn_all()

    assert points_of(wang) == points


def test_a_late_activity_is_multiplied_by_the_standing_of_its_time(wang):
    EarningRuleVersionFactory()
    DecisionFactory(member=wang, tier="gold", as_of=FIRST_BUSINESS_DATE - 20 * DAY)
    DecisionFactory(member=wang, tier="standard", as_of=FIRST_BUSINESS_DATE - 10 * DAY)
    ActivityFactory(member=wang, occurred_on=FIRST_BUSINESS_DATE - 15 * DAY)

    earn_all()

    assert points_of(wang) == [200]


def test_terms_are_those_of_the_rule_book_in_force_on_the_day(wang, premier):
    RuleBookFactory(programme=premier, number=2, in_force_from=FIRST_BUSINESS_DATE, multipliers={"gold": 4})
    EarningRuleVersionFactory()
    DecisionFactory(member=wang, tier="gold", as_of=FIRST_BUSINESS_DATE - 20 * DAY)
    ActivityFactory(member=wang, external_id="before", occurred_on=FIRST_BUSINESS_DATE - DAY)
    ActivityFactory(member=wang, external_id="since")

    earn_all()

    assert points_of(wang) == [200, 400]


def test_of_several_programmes_the_best_counts_never_the_product(wang, premier):
    partner = ProgrammeFactory(code="partner", is_main=False)
    RuleBookFactory(programme=partner, multipliers={"silver": 3})
    EarningRuleVersionFactory(programmes=[premier, partner])
    DecisionFactory(member=wang, programme=premier, tier="gold", as_of=FIRST_BUSINESS_DATE - DAY)
    DecisionFactory(member=wang, programme=partner, tier="silver", as_of=FIRST_BUSINESS_DATE - DAY)
    ActivityFactory(member=wang)

    earn_all()

    assert points_of(wang) == [300]
    assert Entry.objects.get().figures["programme"] == "partner"


def test_the_tier_multiplies_reward_points_only_unless_the_rule_says_otherwise(wang, growth):
    DecisionFactory(member=wang, tier="gold", as_of=FIRST_BUSINESS_DATE - DAY)
    EarningRuleVersionFactory(growth_currency=growth, growth_rate=1)
    EarningRuleVersionFactory(growth_currency=growth, growth_rate=1, multiplies_reward=False, multiplies_growth=True)
    ActivityFactory(member=wang)

    earn_all()

    assert points_of(wang) == [200, 100, 100, 200]


def test_the_version_in_force_on_the_day_of_the_activity_counts(wang):
    rule = EarningRuleFactory()
    first = EarningRuleVersionFactory(rule=rule)
    EarningRuleVersionFactory(rule=rule, number=2, in_force_from=FIRST_BUSINESS_DATE, reward_rate=3)
    ActivityFactory(member=wang, occurred_on=FIRST_BUSINESS_DATE - DAY)
    ActivityFactory(member=wang)

    earn_all()

    assert points_of(wang) == [100, 300]
    assert Entry.objects.get(points=100).rule_version_id == first.pk


@pytest.mark.parametrize(
    ("occurred_on", "months", "expires_on"),
    [
        ("2026-03-02", 24, "2028-03-31"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2025-12-31", 2, "2026-02-28"),
        ("2026-03-02", None, "9999-12-31"),
    ],
)
def test_reward_points_expire_at_the_end_of_a_month(wang, occurred_on, months, expires_on):
    EarningRuleVersionFactory(reward_currency=PointCurrencyFactory(expiry_months=months), pending_days=3)
    ActivityFactory(member=wang, occurred_on=datetime.date.fromisoformat(occurred_on))

    earn_all()

    lot = Lot.objects.get()
    assert lot.expires_on.isoformat() == expires_on
    assert (lot.available_on - datetime.date.fromisoformat(occurred_on)).days == 3


def test_growth_points_have_no_lot(wang, growth):
    EarningRuleVersionFactory(reward_currency=None, reward_rate=0, growth_currency=growth, growth_rate=1)
    ActivityFactory(member=wang)

    earn_all()

    assert points_of(wang) == [100]
    assert not Lot.objects.exists()


def test_the_night_takes_the_facts_of_its_date_and_range_once_and_none_that_earned_at_once(wang):
    EarningRuleVersionFactory()
    ActivityFactory(member=wang)
    ActivityFactory(member=wang, occurred_on=FIRST_BUSINESS_DATE + DAY)
    ActivityFactory(member=wang, earned_at_once=True)

    first, second = earn_all(), earn_all()

    assert (first, second) == ({"posted": 1}, {"duplicate": 1})
    assert points_of(wang) == [100]


def test_as_many_statements_for_ten_thousand_as_for_one(wang):
    EarningRuleVersionFactory()
    ActivityFactory(member=wang)
    with CaptureQueriesContext(connection) as one:
        earn_all()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO activity_activity SELECT (jsonb_populate_record(a, jsonb_build_object('external_id', n))).*"
            " FROM activity_activity a, generate_series(1, 10000) n"
        )

    with CaptureQueriesContext(connection) as many:
        assert earn_all() == {"duplicate": 1, "posted": 10_000}

    assert len(many) == len(one) <= 6


def test_a_version_is_written_once():
    version = EarningRuleVersionFactory()

    with pytest.raises(Exception, match=r"permission denied|written once"):
        EarningRuleVersion.objects.filter(pk=version.pk).update(reward_rate=9)
