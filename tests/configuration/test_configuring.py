"""The bank's first configuration: taken whole or not at all, and only where nothing stands."""

import datetime
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from books.models import JournalAccount
from campaigns.models import EarningRule, EarningRuleVersion
from foundation.access.models import Branch
from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.jobs.models import Bank, BusinessDate
from membership_site.configuring import configure
from membership_site.reading_configuration import InvalidConfiguration
from points.models import PointCurrency
from tiers.models import Condition, Programme, Series, TierTerms

ROOT = Path(__file__).resolve().parents[2]
DEMO, BERKA = ROOT / "membership_site" / "demo_bank.toml", ROOT / "tests" / "profiles" / "berka_bank.toml"
AT = datetime.datetime(2026, 3, 2, 1, tzinfo=datetime.UTC)

pytestmark = pytest.mark.django_db


def document(path: Path) -> dict:
    return tomllib.loads(path.read_text(), parse_float=Decimal)


def take(content: dict, **options) -> dict:
    return configure(document=content, at=AT, actor=Actor.job("configure"), **options)


def test_the_demo_bank_stands_after_one_configuration(django_assert_max_num_queries):
    with django_assert_max_num_queries(60):
        answer = take(document(DEMO), first_business_date=datetime.date(2026, 2, 1))

    assert answer["kept"] == {}
    assert {kind: len(codes) for kind, codes in answer["made"].items()} == {
        "bank": 1,
        "branches": 13,
        "currencies": 2,
        "programmes": 5,
        "earning_rules": 5,
        "journal_accounts": 5,
        "consent_texts": 4,
    }
    assert BusinessDate.objects.get().date == Bank.objects.get().first_business_date == datetime.date(2026, 2, 1)
    lujiazui, head = Branch.objects.get(code="101"), Branch.objects.get(code="000")
    assert lujiazui.path == f"{head.pk}/{lujiazui.parent_id}/{lujiazui.pk}/"
    assert PointCurrency.objects.get(code="reward").worth_minor == 1
    assert list(
        TierTerms.objects.filter(rule_book__programme__code="premier")
        .order_by("tier__rank")
        .values_list("multiplier", flat=True)
    ) == [Decimal("1"), Decimal("1.2"), Decimal("1.5"), Decimal("2"), Decimal("3")]
    gold = Condition.objects.get(tier__code="gold", metric="average_assets")
    assert (gold.enter_minimum, gold.keep_minimum, gold.window, gold.window_length) == (
        20_000_000,
        16_000_000,
        "days",
        90,
    )
    spend = EarningRuleVersion.objects.get(rule__code="card-spend")
    assert (spend.minimum_amount_minor, spend.reward_rate, spend.number) == (1000, Decimal("0.1"), 1)
    assert set(spend.programmes.values_list("code", flat=True)) == {"premier", "loyalty"}


def test_accounts_of_the_general_ledger_are_kept_and_added():
    first = document(BERKA) | {
        "journal_accounts": [{"currency": "reward", "event": "issue", "debit": "6601", "credit": "2241"}]
    }
    take(first)
    currency = PointCurrency.objects.get(code="reward")
    more = {"currency": currency.code, "event": "expire", "debit": "2241", "credit": "6051"}

    answer = take({"journal_accounts": [first["journal_accounts"][0] | {"debit": "0000"}, more]})

    assert answer["made"] == {"journal_accounts": [f"{currency.code}/expire"]}
    assert answer["kept"]["journal_accounts"] == [f"{currency.code}/issue"]
    kept = JournalAccount.objects.order_by("event").values_list("currency", "event", "debit", "credit")
    assert list(kept) == [(currency.pk, "expire", "2241", "6051"), (currency.pk, "issue", "6601", "2241")]


def test_accounts_of_the_general_ledger_are_refused_with_every_fault():
    account = {"event": "spend", "debit": "1", "credit": "1"}

    with pytest.raises(InvalidConfiguration) as refused:
        take(
            document(BERKA)
            | {"journal_accounts": [account | {"currency": "nothing"}, account | {"currency": "reward"}]}
        )

    assert [complaint for complaint in refused.value.complaints if complaint.startswith("journal_accounts")] == [
        "journal_accounts[0].currency: nothing is no currency",
        "journal_accounts[1].event: is wrong: one of adjust_down, adjust_up, clawback, expire, issue, redeem, restore, revalue, "
        "transfer_in, transfer_out",
        "journal_accounts[1].credit: is the account that is debited",
    ]
    assert not JournalAccount.objects.exists()
    assert not PointCurrency.objects.exists()


def test_conditions_on_one_quantity_share_a_series():
    take(document(BERKA))

    assert sorted(Series.objects.values_list("metric", "currency__code")) == [
        ("average_assets", None),
        ("growth_points", "growth"),
    ]
    assert Condition.objects.filter(metric="tenure", series=None).count() == 4


def test_a_second_configuration_keeps_what_stands_and_adds_the_rest():
    first = document(BERKA)
    take(first)
    second = document(BERKA)
    second["bank"]["name"] = "Another"
    second["currencies"][0]["expiry_months"] = 1
    second["earning_rules"].append(second["earning_rules"][0] | {"code": "more"})

    answer = take(second)

    assert answer["made"] == {"earning_rules": ["more"]}
    assert answer["kept"] == {
        "bank": ["Berka"],
        "branches": ["berka"],
        "currencies": ["growth", "reward"],
        "programmes": ["composite", "points"],
        "earning_rules": ["spending"],
    }
    assert PointCurrency.objects.get(code="reward").expiry_months == 24
    assert (
        list(AuditEvent.objects.order_by("at", "id").values_list("verb", "system", "reason"))
        == [("configure", "configure", "bootstrap")] * 2
    )


def test_the_same_configuration_twice_writes_nothing_the_second_time():
    take(document(DEMO))

    assert take(document(DEMO))["made"] == {}
    assert AuditEvent.objects.count() == 1


def test_a_dry_run_writes_nothing():
    answer = take(document(DEMO), dry_run=True)

    assert len(answer["made"]["branches"]) == 13
    assert not Bank.objects.exists() and not Branch.objects.exists() and not AuditEvent.objects.exists()


def test_every_complaint_is_listed_with_its_path_and_nothing_is_written():
    content = document(BERKA)
    content["colour"] = "red"
    content["bank"]["currency"] = "Kčs"
    content["branches"].append({"code": "a", "names": content["branches"][0]["names"], "parent": "nowhere"})
    content["currencies"][1]["expiry_months"] = 12
    points, composite = content["programmes"]
    points["tiers"][1]["names"] = {"en": "Silver"}
    points["rule_book"]["conditions"][1]["enter"] = 400
    points["rule_book"]["multipliers"] = {"bronze": 2}
    del composite["rule_book"]["conditions"][5]
    rule = content["earning_rules"][0]
    rule |= {
        "purposes_in": ["statement_fee"],
        "growth_currency": "reward",
        "reward_rate": Decimal("0.0000001"),
        "programmes": ["none"],
    }
    del rule["in_force_from"]

    with pytest.raises(InvalidConfiguration) as refusal:
        take(content)

    assert sorted(refusal.value.complaints) == [
        "bank.currency: is wrong: three capital letters",
        "branches[1].parent: nowhere is no branch",
        "colour: is not known here",
        "currencies[1].expiry_months: growth points have neither expiry nor worth",
        "earning_rules[0].growth_currency: reward is no currency of growth points",
        "earning_rules[0].in_force_from: is missing: a date such as 2026-01-31",
        "earning_rules[0].programmes: none is no programme",
        "earning_rules[0].purposes_out: statement_fee is taken in and left out",
        "earning_rules[0].reward_rate: is wrong: a number from 0 to 1000000 with at most 6 decimals",
        "programmes[0].rule_book.conditions: Gold asks for less than silver in group 1: growth points in the last 12 months.",
        "programmes[0].rule_book.multipliers.bronze: is not known here",
        "programmes[0].tiers[1].names: is wrong: a table with a text for each of en, zh-hans, zh-hant",
        "programmes[1].rule_book.conditions: Gold does not ask in group 1 for what Silver asks: tenure in months.",
    ]
    assert not Bank.objects.exists() and not Programme.objects.exists() and not EarningRule.objects.exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"window": "3 weeks"}, ".window: is missing or wrong: such as 12 months, 90 days, year or membership year"),
        ({"keep": 1501}, ".keep: asks more than enter"),
        ({"tier": "standard"}, ".tier: is wrong: one of diamond, gold, platinum, silver"),
        ({"metric": "tenure"}, ".window: tenure has none"),
        ({"currency": "reward"}, ".currency: reward is no currency of growth points"),
        (
            {"metric": "growth"},
            ".metric: is wrong: one of average_assets, credit_grade, cumulative_contribution, growth_points, "
            "products_held, risk_grade, tenure, transaction_amount, transaction_count",
        ),
        ({"metric": "cumulative_contribution"}, ".window: cumulative_contribution has none"),
        (
            {"metric": "cumulative_contribution", "currency": "reward"},
            ".currency: reward is no currency of growth points",
        ),
        ({"metric": "credit_grade", "enter": 0}, ".enter: is wrong: a whole number from 1 to 1000"),
        ({"metric": "credit_grade"}, ".currency: credit_grade has none"),
        ({"metric": "risk_grade"}, ".excludes: is true with risk_grade, and with nothing else"),
        ({"excludes": True}, ".excludes: is true with risk_grade, and with nothing else"),
        ({"metric": "risk_grade", "excludes": True, "keep": 1}, ".keep: stands at no condition that excludes"),
        (
            {"metric": "transaction_amount", "enter": Decimal("0.001")},
            ".enter: is wrong: an amount in units of money with at most 2 decimals",
        ),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(change, complaint):
    content = document(BERKA)
    content["programmes"][0]["rule_book"]["conditions"][1] |= change

    with pytest.raises(InvalidConfiguration) as refusal:
        take(content)

    assert f"programmes[0].rule_book.conditions[1]{complaint}" in refusal.value.complaints
    assert not Programme.objects.exists()


def test_a_ladder_that_makes_no_sense_is_refused_in_whole_sentences():
    content = document(BERKA)
    content["programmes"][0]["rule_book"]["conditions"][1]["tier"] = "silver"

    with pytest.raises(InvalidConfiguration) as refusal:
        take(content)

    assert refusal.value.complaints == [
        "programmes[0].rule_book.conditions: Silver asks for the same twice in group 1: growth points in the last 12 months.",
        "programmes[0].rule_book.conditions: Gold has no condition, so nobody could reach it.",
    ]
    assert not Programme.objects.exists()


def test_every_metric_is_configured_in_its_unit_and_windows_begin_with_a_year():
    content = document(BERKA)
    conditions = [
        {"metric": "transaction_amount", "selection": ["card_spend"], "window": "year", "enter": Decimal("5000.50")},
        {"metric": "transaction_count", "selection": ["card_spend"], "window": "membership year", "enter": 12},
        {"metric": "cumulative_contribution", "currency": "growth", "enter": 900},
        {"metric": "growth_points", "currency": "growth", "window": "membership year", "enter": 100},
        {"metric": "credit_grade", "enter": 7, "keep": 6},
        {"metric": "risk_grade", "excludes": True, "enter": 4},
    ]
    programme = content["programmes"][1]
    programme["tiers"] = programme["tiers"][:2]
    programme["rule_book"]["conditions"] = [{"tier": "silver"} | one for one in conditions]

    take(content)

    made = Condition.objects.filter(rule_book__programme__code="composite").order_by("id")
    assert list(
        made.values_list(
            "metric", "series__metric", "window", "window_length", "enter_minimum", "keep_minimum", "excludes"
        )
    ) == [
        ("transaction_amount", "transaction_amount", "year", None, 500_050, 500_050, False),
        ("transaction_count", "transaction_count", "membership_year", None, 12, 12, False),
        ("cumulative_contribution", "growth_points", "", None, 900, 900, False),
        ("growth_points", "growth_points", "membership_year", None, 100, 100, False),
        ("credit_grade", None, "", None, 7, 6, False),
        ("risk_grade", None, "", None, 4, 4, True),
    ]
    assert Series.objects.filter(metric="growth_points").count() == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("[bank]", "bank.name: is missing: a text of 1 to 80 characters"),
        ("currencies = 3", "currencies: is wrong: a list of tables"),
        ('[[programmes]]\ncode = "a"', "programmes: exactly one is the main one, not none"),
        (
            '[[branches]]\ncode = "a"\nparent = "b"\n[[branches]]\ncode = "b"\nparent = "a"',
            "branches[0].parent: makes the branch lie under itself",
        ),
        ('[[branches]]\ncode = "a"\n[[branches]]\ncode = "a"', "branches[1].code: a stands here twice"),
        (
            '[[currencies]]\ncode = "p"\nkind = "reward"\nworth = nan',
            "currencies[0].worth: is wrong: a number from 0 to 1000000 with at most 6 decimals",
        ),
    ],
)
def test_a_fault_is_named_by_its_path(change, complaint):
    with pytest.raises(InvalidConfiguration) as refusal:
        take(tomllib.loads(change, parse_float=Decimal))

    assert complaint in refusal.value.complaints


def with_currency(**keys: object) -> dict:
    """Return the demo's document with another reward currency of these keys."""
    content = document(DEMO)
    content["currencies"].append({"code": "miles", "kind": "reward", "names": content["currencies"][0]["names"]} | keys)
    return content


TIERS = ("standard", "silver", "gold", "platinum", "diamond")


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        ({}, ("never", None, None, None)),
        ({"expiry": "never"}, ("never", None, None, None)),
        ({"expiry_months": 6}, ("months", 6, None, None)),
        ({"expiry": "months", "expiry_months": 6}, ("months", 6, None, None)),
        ({"expiry": "year_end", "expiry_years": 0}, ("year_end", None, 0, None)),
        ({"expiry": "inactivity", "expiry_months": 18}, ("inactivity", 18, None, None)),
        (
            {"expiry": "by_tier", "expiry_by_tier": dict.fromkeys(TIERS, 12) | {"diamond": "never"}},
            ("by_tier", None, None, dict.fromkeys(TIERS, 12) | {"diamond": None}),
        ),
    ],
)
def test_a_currency_is_configured_with_its_expiry_policy(keys, kept):
    take(with_currency(**keys))

    [policy] = PointCurrency.objects.filter(code="miles").values_list(
        "expiry_policy", "expiry_months", "expiry_years", "expiry_by_tier"
    )
    assert policy == kept


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"expiry": "someday"}, "expiry: is wrong: one of by_tier, inactivity, months, never, year_end"),
        ({"expiry": "months"}, "expiry_months: is missing: what months goes by"),
        ({"expiry": "inactivity"}, "expiry_months: is missing: what inactivity goes by"),
        ({"expiry": "year_end", "expiry_months": 12}, "expiry_months: is nothing that year_end goes by"),
        ({"expiry": "year_end"}, "expiry_years: is missing: what year_end goes by"),
        ({"expiry": "never", "expiry_years": 1}, "expiry_years: is nothing that never goes by"),
        ({"expiry_months": 0}, "expiry_months: is wrong: a whole number from 1 to 1200"),
        ({"expiry": "by_tier"}, "expiry_by_tier: is missing: what by_tier goes by"),
        (
            {"expiry": "by_tier", "expiry_by_tier": {"gold": 12}},
            "expiry_by_tier: is wrong: each tier of the main programme (diamond, gold, platinum, silver, standard), no other",
        ),
        (
            {"expiry": "by_tier", "expiry_by_tier": dict.fromkeys(TIERS, 12) | {"gold": 0}},
            "expiry_by_tier.gold: is wrong: a whole number from 1 to 1200",
        ),
    ],
)
def test_an_expiry_policy_without_or_beside_what_it_goes_by_is_refused(keys, complaint):
    with pytest.raises(InvalidConfiguration) as refusal:
        take(with_currency(**keys))

    assert f"currencies[2].{complaint}" in refusal.value.complaints
    assert not PointCurrency.objects.exists()


def test_a_rule_is_configured_with_its_caps_and_its_bonus():
    content = document(DEMO)
    content["earning_rules"][0] |= {"cap_per_day": 100, "cap_per_month": 1000, "first_time_bonus": 200}

    take(content)

    version = EarningRuleVersion.objects.get(rule__code="card-spend")
    assert (version.cap_per_day, version.cap_per_month, version.first_time_bonus) == (100, 1000, 200)


def test_caps_and_bonuses_that_can_not_be_are_refused():
    content = document(DEMO)
    content["earning_rules"][0] |= {"cap_per_day": 0, "cap_per_month": "many"}
    content["earning_rules"][4]["first_time_bonus"] = 5

    with pytest.raises(InvalidConfiguration) as refusal:
        take(content)

    assert sorted(refusal.value.complaints) == [
        "earning_rules[0].cap_per_day: is wrong: a whole number from 1 to 1000000000000",
        "earning_rules[0].cap_per_month: is wrong: a whole number from 1 to 1000000000000",
        "earning_rules[4].first_time_bonus: is given in reward points: reward_currency is missing",
    ]
    assert not EarningRule.objects.exists()


def test_a_currency_says_what_becomes_of_spent_points_that_a_refund_takes_back():
    content = document(BERKA)
    reward = next(currency for currency in content["currencies"] if currency["kind"] == "reward")
    growth = next(currency for currency in content["currencies"] if currency["kind"] == "growth")

    reward["shortfall"], growth["shortfall"] = "forgive", "write_off"
    with pytest.raises(InvalidConfiguration) as refused:
        take(content)
    del growth["shortfall"]
    reward["shortfall"] = "write_off"
    take(content)

    assert len([complaint for complaint in refused.value.complaints if ".shortfall" in complaint]) == 2
    assert dict(PointCurrency.objects.values_list("kind", "shortfall")) == {"reward": "write_off", "growth": "owe"}
