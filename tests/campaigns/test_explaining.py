"""The reason of an entry and the sentences of a rule: always what was calculated. Wang is gold."""

import datetime
from decimal import Decimal

import pytest
from django.utils import translation

from activity.models import ReportedId, Source
from activity.reports import ReversalReport
from campaigns import clawing_back
from campaigns.describing import describe, example_of
from campaigns.explaining import Reason, why, why_each
from campaigns.models import EarningRuleVersion
from points.models import Entry
from tests.campaigns.night import ACTOR, close_on, earn_all
from tests.factories import (
    FIRST_BUSINESS_DATE,
    ActivityFactory,
    BankFactory,
    DecisionFactory,
    EarningRuleVersionFactory,
    MemberFactory,
    PointCurrencyFactory,
    ProgrammeFactory,
    RuleBookFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def wang():
    BankFactory()
    close_on()
    RuleBookFactory(multipliers={"gold": 2})
    wang = MemberFactory()
    DecisionFactory(member=wang, tier="gold", as_of=FIRST_BUSINESS_DATE - datetime.timedelta(days=1))
    return wang


@pytest.mark.parametrize(
    ("rule", "activity", "working", "note"),
    [
        ({"reward_rate": Decimal("0.1")}, {"amount_minor": 240_00}, "¥240.00 × 0.1 × Gold ×2 = 48", ""),
        ({"multiplies_reward": False}, {"amount_minor": 1_234_56}, "¥1,234.56 × 1 = 1,234", ""),
        ({"per": "activity", "reward_rate": 5}, {"amount_minor": None}, "5 × Gold ×2 = 10", ""),
        (
            {"per": "activity", "reward_rate": 5, "multiplies_reward": False},
            {"amount_minor": None},
            "5 for each activity",
            "",
        ),
        (
            {"cap_per_activity": 150},
            {"amount_minor": 100_00},
            "¥100.00 × 1 × Gold ×2 = 200",
            "At most 150 per activity.",
        ),
    ],
)
def test_an_entry_tells_how_its_points_came_about(wang, rule, activity, working, note):
    version = EarningRuleVersionFactory(**rule)
    ActivityFactory(member=wang, **activity)

    earn_all()

    assert why(Entry.objects.get()) == Reason(version=version, rule="Spending", working=working, note=note)


def test_names_are_in_the_reader_s_language(wang):
    EarningRuleVersionFactory()
    ActivityFactory(member=wang)
    earn_all()

    with translation.override("zh-hans"):
        assert why(Entry.objects.get()).rule == "消费"


def test_reasons_of_a_page_of_entries_cost_three_statements(wang, django_assert_num_queries):
    for number in range(3):
        EarningRuleVersionFactory(reward_rate=number + 1)
    for _ in range(10):
        ActivityFactory(member=wang)
    earn_all()
    entries = list(Entry.objects.order_by("member_id", "currency_id", "number"))

    with django_assert_num_queries(3):
        reasons = why_each(entries)

    assert len(reasons) == 30
    assert all(reason.working.endswith(f"= {entry.points}") for entry, reason in zip(entries, reasons, strict=True))


def test_an_entry_that_no_rule_gave_has_no_reason(wang, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert why(Entry(member_id=wang.pk, points=-5)) is None


def test_a_rule_says_everything_it_does():
    version = EarningRuleVersionFactory(
        direction="debit",
        kinds_in=["bill", "card_spend"],
        merchant_categories_out=["tax"],
        minimum_amount_minor=300_00,
        reward_rate=Decimal("0.1"),
        growth_currency=PointCurrencyFactory(growth=True),
        growth_rate=Decimal("0.005"),
        cap_per_activity=1000,
        pending_days=7,
    )

    assert describe(EarningRuleVersion.objects.get(pk=version.pk)) == [
        "Only debits count.",
        "Only activities of these kinds count: bill, card payment.",
        "These merchant categories do not count: tax.",
        "Only amounts of ¥300.00 or more count.",
        "Each ¥1.00 of an activity earns 0.1 Points, 0.005 Growth; the whole is rounded down.",
        "For example, ¥300.00 earns 30 Points, 1 Growth before any multiplier.",
        "The tier in the main programme multiplies Points.",
        "One activity earns at most 1,000 points of a kind.",
        "The points can be used from 7 days after the activity.",
        "Unused points lapse at the end of the month 12 months after the activity.",
        "In force from 1 January 2020.",
    ]


def test_a_rule_without_conditions_says_so():
    partner = ProgrammeFactory(code="partner", is_main=False)
    version = EarningRuleVersionFactory(per="activity", reward_rate=100, programmes=[partner])

    assert describe(version)[:3] == [
        "Every activity counts.",
        "Each activity earns 100 Points.",
        "The tier in Partner multiplies Points.",
    ]


@pytest.mark.parametrize("amount_minor", [1, 99, 100, 240_00, 1_234_56, 10**9, 10**14])
def test_the_example_is_what_the_evaluator_gives(amount_minor):
    version = EarningRuleVersionFactory(reward_rate=Decimal("0.333333"), cap_per_activity=10**6)
    newcomer = MemberFactory()
    ActivityFactory(member=newcomer, amount_minor=amount_minor)

    earn_all()

    earned = dict(Entry.objects.filter(member_id=newcomer.pk).values_list("rule_version_id", "points"))
    assert earned.get(version.pk, 0) == example_of(version, amount_minor=amount_minor)["points"]


@pytest.mark.parametrize(
    ("amount_minor", "refunds", "working", "note"),
    [
        (
            240_00,
            [80_00],
            "48 × ¥80.00 ÷ ¥240.00 = 16",
            "¥80.00 of ¥240.00 has been refunded by now; that share of the 48 points earned is taken back.",
        ),
        (
            240_00,
            [80_00, None],
            "48 × ¥240.00 ÷ ¥240.00 − 16 = 32",
            "¥240.00 of ¥240.00 has been refunded by now; that share of the 48 points earned is taken back."
            " 16 of it had been taken back before.",
        ),
        (None, [None], "48", "The activity was reversed as a whole."),
    ],
)
def test_a_clawback_tells_which_share_it_takes(wang, amount_minor, refunds, working, note):
    rate = {"reward_rate": Decimal("0.1")} if amount_minor else {"reward_rate": 24, "per": "activity"}
    version = EarningRuleVersionFactory(**rate)
    ActivityFactory(member=wang, external_id="T1", amount_minor=amount_minor)
    ReportedId.objects.create(source_id=Source.objects.get().pk, fact="activity", external_id="T1", member_id=wang.pk)
    earn_all()
    for number, part in enumerate(refunds):
        report = ReversalReport(
            source="core", external_id=f"R{number}", original_external_id="T1", member_number=wang.number, amount_minor=part,
            occurred_at=datetime.datetime.combine(FIRST_BUSINESS_DATE, datetime.time(5), datetime.UTC),
        )  # fmt: skip
        clawing_back.take([report], actor=ACTOR)

    entry = Entry.objects.order_by("-number")[:1].get()

    assert why(entry) == Reason(version=version, rule="Spending", working=working, note=note, takes_back=1)
    assert working.endswith(str(-entry.points))
