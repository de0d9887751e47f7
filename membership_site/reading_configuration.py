"""Reading a bank's first configuration: a TOML document becomes unsaved models, or every complaint about it at once."""

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _

from books.models import Event, JournalAccount
from campaigns.models import EarningRule, EarningRuleVersion
from foundation.access.models import Branch
from foundation.jobs.models import Bank
from foundation.reading import Table
from foundation.refusals import Refusal
from members.consent_texts import LONGEST_TEXT, ConsentText, Purpose
from points.models import PointCurrency
from tiers.models import Programme, Tier
from tiers.reading import RuleBookPlan, read_rule_book

Expiry = PointCurrency.Expiry
# What an expiry policy goes by, and the policies that do.
EXPIRY_KEYS = {
    "expiry_months": (Expiry.MONTHS, Expiry.INACTIVITY),
    "expiry_years": (Expiry.YEAR_END,),
    "expiry_by_tier": (Expiry.BY_TIER,),
}
FIELDS_OF_ACTIVITIES = ("kinds", "purposes", "products", "channels", "merchant_categories")


class InvalidConfiguration(Refusal):
    """The document says something it can't or lacks something it must; `complaints` lists it all."""

    code = "invalid_configuration"
    status = 422
    sentence = _("The configuration was not taken: %(complaints)s")

    def __init__(self, complaints: list[str]) -> None:
        super().__init__(complaints="; ".join(complaints))
        self.complaints = complaints


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProgrammePlan:
    """A programme to be made, with its tiers from standard up and its rule book 1."""

    programme: Programme
    tiers: list[Tier]
    rule_book: RuleBookPlan


@dataclasses.dataclass(frozen=True, kw_only=True)
class RulePlan:
    """An earning rule to be made, with its version 1 and the programmes that multiply."""

    rule: EarningRule
    version: EarningRuleVersion
    programmes: list[Programme]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Configuration:
    """What a document asks for, as models that are not saved yet and point at each other."""

    bank: Bank | None
    branches: list[Branch]
    currencies: list[PointCurrency]
    programmes: list[ProgrammePlan]
    rules: list[RulePlan]
    accounts: list[JournalAccount]
    consent_texts: list[ConsentText]


def read(document: dict[str, Any]) -> Configuration:
    """Return what a TOML document (floats as Decimal) asks for beside what the bank has.

    Refuses with InvalidConfiguration, which lists every complaint.
    """
    complaints: list[str] = []
    top = Table(document, complaints=complaints)
    bank = _read_bank(top)
    branches = _read_branches(top)
    currencies = [_read_currency(table) for table in top.tables("currencies")]
    known = {currency.code: currency for currency in [*currencies, *PointCurrency.objects.all()]}
    programmes = [_read_programme(table, known) for table in top.tables("programmes")]
    _check_expiry_by_tier(top, currencies, programmes)
    _check_main_programme(top, [plan.programme for plan in programmes])
    multiplying = {
        programme.code: programme for programme in [*(plan.programme for plan in programmes), *Programme.objects.all()]
    }
    rules = [_read_rule(table, known, multiplying) for table in top.tables("earning_rules")]
    accounts = [_read_account(table, known) for table in top.tables("journal_accounts")]
    consent_texts = [_read_consent_text(table) for table in top.tables("consent_texts")]
    for key, codes in (
        ("branches", [branch.code for branch in branches]),
        ("currencies", [currency.code for currency in currencies]),
        ("programmes", [plan.programme.code for plan in programmes]),
        ("earning_rules", [plan.rule.code for plan in rules]),
        ("journal_accounts", [account.code for account in accounts if account]),
        ("consent_texts", [text.code for text in consent_texts]),
    ):
        complain_of_repeats(top, key, codes)
    top.finish()
    if complaints:
        raise InvalidConfiguration(complaints)
    return Configuration(
        bank=bank,
        branches=branches,
        currencies=currencies,
        programmes=programmes,
        rules=rules,
        accounts=[account for account in accounts if account],
        consent_texts=consent_texts,
    )


def complain_of_repeats(table: Table, key: str, codes: Iterable[str | None]) -> None:
    """Complain of each code that stands more than once in the list `key`."""
    seen: set[str | None] = {None}
    for index, code in enumerate(codes):
        if code in seen and code is not None:
            table.complain(f"{key}[{index}].code", f"{code} stands here twice")
        seen.add(code)


def _read_bank(top: Table) -> Bank | None:
    table = top.table("bank", default=None)
    if table is None:
        if not Bank.objects.exists():
            top.complain("bank", "is missing: the bank's name, currency and first business date")
        return None
    currency = table.text("currency", longest=3)
    if currency and not re.fullmatch("[A-Z]{3}", currency):
        table.complain("currency", "is wrong: three capital letters")
    bank = Bank(
        name=table.text("name", longest=80),
        currency=currency,
        first_business_date=table.day("first_business_date"),
        family_pool=table.flag("family_pool"),
        dormant_after_months=table.whole("dormant_after_months", least=2, most=120, default=None),
        dormancy_ignores=table.words("dormancy_ignores"),
    )
    table.finish()
    return bank


def _read_branches(top: Table) -> list[Branch]:
    tables = top.tables("branches")
    branches = [Branch(code=table.text("code", longest=20), names=table.names()) for table in tables]
    known = {branch.code: branch for branch in [*branches, *Branch.objects.all()]}
    for table, branch in zip(tables, branches, strict=True):
        parent = table.text("parent", longest=20, default=None)
        if parent is not None and parent not in known:
            table.complain("parent", f"{parent} is no branch")
        branch.parent = known.get(parent)
        table.finish()
    for table, branch in zip(tables, branches, strict=True):
        if branch in _ancestors(branch):
            table.complain("parent", "makes the branch lie under itself")
    return branches


def _ancestors(branch: Branch) -> list[Branch]:
    """Return the branches above one, nearest first; a circle ends where it begins again."""
    above: list[Branch] = []
    while branch.parent is not None and branch.parent not in above:
        branch = branch.parent
        above.append(branch)
    return above


def _read_currency(table: Table) -> PointCurrency:
    kind = table.choice("kind", PointCurrency.Kind.values)
    worth = table.exact("worth", places=6, most=10**6, default=None)
    currency = PointCurrency(
        code=table.text("code", longest=20),
        kind=kind,
        names=table.names(),
        worth_minor=None if worth is None else worth * 100,
        **_read_expiry(table),
        transfers_per_day=table.whole("transfers_per_day", least=1, most=10**12, default=None),
        shortfall=table.choice("shortfall", PointCurrency.Shortfall.values, default=PointCurrency.Shortfall.OWE),
    )
    if kind == PointCurrency.Kind.GROWTH:
        for key in ("expiry", *EXPIRY_KEYS, "worth"):
            if key in table.content:
                table.complain(key, "growth points have neither expiry nor worth")
        if "transfers_per_day" in table.content:
            table.complain("transfers_per_day", "growth points are never transferred")
        if currency.shortfall != PointCurrency.Shortfall.OWE:
            table.complain("shortfall", "growth points are never spent: what a clawback lacks is owed")
    table.finish()
    return currency


def _read_expiry(table: Table) -> dict[str, Any]:
    """Read the expiry policy and what it goes by; `expiry_months` alone is the policy of months."""
    expected = Expiry.MONTHS if "expiry_months" in table.content else Expiry.NEVER
    policy = table.choice("expiry", Expiry.values, default=expected)
    fields: dict[str, Any] = {
        "expiry_policy": policy,
        "expiry_months": table.whole("expiry_months", least=1, most=1200, default=None),
        "expiry_years": table.whole("expiry_years", most=100, default=None),
    }
    by_tier = table.keyed("expiry_by_tier")
    if by_tier.content:
        fields["expiry_by_tier"] = {
            code: None if months == "never" else by_tier.whole(code, least=1, most=1200)
            for code, months in by_tier.content.items()
        }
    for key, policies in EXPIRY_KEYS.items():
        if policy in policies and key not in table.content:
            table.complain(key, f"is missing: what {policy} goes by")
        elif policy and policy not in policies and key in table.content:
            table.complain(key, f"is nothing that {policy} goes by")
    return fields


def _check_expiry_by_tier(top: Table, currencies: list[PointCurrency], programmes: list[ProgrammePlan]) -> None:
    """Complain of a currency by tier that does not name each tier of the main programme."""
    main = {tier.code for plan in programmes if plan.programme.is_main for tier in plan.tiers}
    main = main or set(Tier.objects.filter(programme__is_main=True).values_list("code", flat=True))
    for index, currency in enumerate(currencies):
        if currency.expiry_by_tier is not None and currency.expiry_by_tier.keys() != main:
            wanted = ", ".join(sorted(map(str, main))) or "none"
            top.complain(
                f"currencies[{index}].expiry_by_tier", f"is wrong: each tier of the main programme ({wanted}), no other"
            )


def _read_programme(table: Table, currencies: dict[str, PointCurrency]) -> ProgrammePlan:
    programme = Programme(code=table.text("code", longest=20), names=table.names(), is_main=table.flag("main"))
    tiers = []
    for rank, one in enumerate(table.tables("tiers")):
        tiers.append(Tier(programme=programme, rank=rank, code=one.text("code", longest=20), names=one.names()))
        one.finish()
    if not tiers:
        table.complain("tiers", "is missing: the tiers from standard up")
    complain_of_repeats(table, "tiers", [tier.code for tier in tiers])
    rule_book = read_rule_book(table, programme, tiers, currencies)
    table.finish()
    return ProgrammePlan(programme=programme, tiers=tiers, rule_book=rule_book)


def _check_main_programme(top: Table, programmes: list[Programme]) -> None:
    existing = {programme.code: programme for programme in Programme.objects.all()}
    main = {programme.code for programme in existing.values() if programme.is_main}
    main |= {programme.code for programme in programmes if programme.is_main and programme.code not in existing}
    if len(main) > 1 or (not main and programmes):
        top.complain("programmes", f"exactly one is the main one, not {', '.join(sorted(map(str, main))) or 'none'}")


def _read_rule(table: Table, currencies: dict[str, PointCurrency], programmes: dict[str, Programme]) -> RulePlan:
    rule = EarningRule(code=table.text("code", longest=40), names=table.names())
    filters = {
        f"{field}_{side}": table.words(f"{field}_{side}") for field in FIELDS_OF_ACTIVITIES for side in ("in", "out")
    }
    for field in FIELDS_OF_ACTIVITIES:
        for word in set(filters[f"{field}_in"]) & set(filters[f"{field}_out"]):
            table.complain(f"{field}_out", f"{word} is taken in and left out")
    version = EarningRuleVersion(
        rule=rule,
        number=1,
        in_force_from=table.day("in_force_from"),
        direction=table.choice("direction", ("debit", "credit"), default=""),
        **filters,
        minimum_amount_minor=table.money_minor("minimum_amount", default=0),
        per=table.choice("per", EarningRuleVersion.Per.values, default=EarningRuleVersion.Per.AMOUNT),
        multiplies_reward=table.flag("multiplies_reward", default=True),
        multiplies_growth=table.flag("multiplies_growth"),
        cap_per_activity=table.whole("cap_per_activity", least=1, most=10**12, default=None),
        cap_per_day=table.whole("cap_per_day", least=1, most=10**12, default=None),
        cap_per_month=table.whole("cap_per_month", least=1, most=10**12, default=None),
        first_time_bonus=table.whole("first_time_bonus", least=1, most=10**12, default=None),
        pending_days=table.whole("pending_days", most=3660, default=0),
    )
    for kind in PointCurrency.Kind.values:
        currency, rate = _read_rate(table, kind, currencies)
        setattr(version, f"{kind}_currency", currency)
        setattr(version, f"{kind}_rate", rate)
    if not table.content.keys() & {"reward_currency", "growth_currency"}:
        table.complain("", "gives neither reward points nor growth points")
    if version.first_time_bonus and version.reward_currency is None:
        table.complain("first_time_bonus", "is given in reward points: reward_currency is missing")
    multiplying = table.words("programmes", longest=20)
    for code in multiplying:
        if code not in programmes:
            table.complain("programmes", f"{code} is no programme")
    table.finish()
    return RulePlan(
        rule=rule, version=version, programmes=[programmes[code] for code in multiplying if code in programmes]
    )


def _read_rate(table: Table, kind: str, currencies: dict[str, PointCurrency]) -> tuple[PointCurrency | None, Any]:
    """Return the currency of a kind and the points per unit that a rule gives in it; none and 0 where it gives none."""
    code = table.text(f"{kind}_currency", longest=20, default=None)
    rate = table.exact(f"{kind}_rate", places=6, most=10**6, default=0)
    if code is None:
        if rate:
            table.complain(f"{kind}_currency", f"is missing: the currency of {kind}_rate")
        return None, 0
    currency = currencies.get(code)
    if currency is None or currency.kind not in (kind, None):
        table.complain(f"{kind}_currency", f"{code} is no currency of {kind} points")
    if rate == 0:
        table.complain(f"{kind}_rate", "is missing: points per unit, more than 0")
    return currency, rate


def _read_account(table: Table, currencies: dict[str, PointCurrency]) -> JournalAccount | None:
    """Return the accounts of an event of a currency; None of a currency that isn't there, with a complaint."""
    code = table.text("currency", longest=20)
    if code not in currencies:
        table.complain("currency", f"{code} is no currency")
        return None
    account = JournalAccount(
        currency=currencies[code],
        event=table.choice("event", Event.values),
        debit=table.text("debit", longest=40),
        credit=table.text("credit", longest=40),
    )
    if account.debit is not None and account.debit == account.credit:
        table.complain("credit", "is the account that is debited")
    table.finish()
    return account


def _read_consent_text(table: Table) -> ConsentText:
    text = ConsentText(
        purpose=table.choice("purpose", Purpose.values),
        version=table.whole("version", least=1, most=10_000),
        titles=table.names("titles"),
        texts=table.names("texts", longest=LONGEST_TEXT),
        in_force_from=table.day("in_force_from"),
    )
    table.finish()
    return text
