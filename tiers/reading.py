"""Reading a rule book out of a document, a bank's first or a draft; whether it makes sense, tiers.checking says."""

import dataclasses
import datetime
import re
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_lazy as _

from activity.reports import HIGHEST_GRADE
from foundation.reading import Table
from foundation.refusals import Refusal
from points.models import PointCurrency
from tiers import checking
from tiers.compiling import Ladder
from tiers.models import (
    GRADES,
    IN_GROWTH_POINTS,
    IN_MONEY,
    SELECTING,
    WINDOWED,
    Condition,
    Metric,
    Programme,
    RuleBook,
    Series,
    Tier,
    TierTerms,
)

YEARS = {"year": Condition.Window.YEAR, "membership year": Condition.Window.MEMBERSHIP_YEAR}


class InvalidRuleBook(Refusal):
    """The rules say something they can't or lack something they must; `complaints` lists it all."""

    code = "invalid_rule_book"
    status = 422
    sentence = _("These rules can't be taken: %(complaints)s")

    def __init__(self, complaints: list[str]) -> None:
        super().__init__(complaints="; ".join(one.removesuffix(".") for one in complaints))
        self.complaints = complaints


@dataclasses.dataclass(frozen=True, kw_only=True)
class RuleBookPlan:
    """A rule book to be made, with the programme's tiers, its terms per tier and its conditions; their series may exist already."""

    rule_book: RuleBook
    tiers: list[Tier]
    terms: list[TierTerms]
    conditions: list[Condition]


def read_rule_book(
    parent: Table, programme: Programme, tiers: list[Tier], currencies: dict[str, PointCurrency]
) -> RuleBookPlan | None:
    """Read the table `rule_book` of a programme whose tiers stand from standard up; None where it is missing."""
    table = parent.table("rule_book")
    return _read_rules(table, programme, tiers, currencies) if table else None


def ladder_of(
    *, document: dict[str, Any], programme: Programme, in_force_from: datetime.date, within_history: bool = True
) -> Ladder:
    """Return the rules of a draft, nothing saved, as the ladder they would be; refuses invalid_rule_book with every complaint.

    `document` holds the keys of [programmes.rule_book] in docs/configuration.md but in_force_from, as JSON has them: numbers
    whole or as texts. `within_history`: windows that begin before the bank's facts do are refused too. A quantity that
    no rule book has counted yet comes with a series that is not saved; see `share_series`.
    """
    complaints: list[str] = []
    table = Table(document | {"in_force_from": in_force_from}, complaints=complaints)
    tiers = list(programme.tiers.order_by("rank"))
    currencies = {one.code: one for one in PointCurrency.objects.all()}
    history_from = checking.history_from() if within_history else None
    plan = _read_rules(table, programme, tiers, currencies, history_from=history_from)
    if complaints:
        raise InvalidRuleBook(complaints)
    existing = _existing_series()
    for condition in plan.conditions:
        if condition.series:
            condition.series = existing.get(_quantity_of(condition.series), condition.series)
    ordered = sorted(plan.conditions, key=lambda one: (one.tier.rank, one.group))
    return Ladder(rule_book=plan.rule_book, tiers=tiers, conditions=ordered, terms=plan.terms)


def share_series(conditions: Iterable[Condition]) -> None:
    """Give conditions on one quantity one series, an existing one where there is one; write those that are new, in two statements."""
    existing, fresh = _existing_series(), []
    for condition in conditions:
        if condition.series:
            quantity = _quantity_of(condition.series)
            if quantity not in existing:
                existing[quantity] = condition.series
                fresh.append(condition.series)
            condition.series = existing[quantity]
    Series.objects.bulk_create(fresh)


def _existing_series() -> dict[tuple[str, str, tuple[str, ...]], Series]:
    return {_quantity_of(one): one for one in Series.objects.select_related("currency")}


def _quantity_of(series: Series) -> tuple[str, str, tuple[str, ...]]:
    return series.metric, series.currency.code if series.currency else "", tuple(series.selection)


def _read_rules(
    table: Table,
    programme: Programme,
    tiers: list[Tier],
    currencies: dict[str, PointCurrency],
    *,
    history_from: datetime.date | None = None,
) -> RuleBookPlan:
    downgrade = table.choice("downgrade", RuleBook.Downgrade.values, default=RuleBook.Downgrade.IMMEDIATE)
    graceful = downgrade == RuleBook.Downgrade.GRACE
    grace_length, grace_unit = _read_length(table, "grace", allowed=graceful) or (90, RuleBook.GraceUnit.DAYS)
    book = RuleBook(
        programme=programme,
        number=1,
        in_force_from=table.day("in_force_from"),
        calendar=table.choice("calendar", RuleBook.Calendar.values, default=RuleBook.Calendar.NIGHTLY),
        upgrades_nightly=table.choice("upgrades", ["at_review", "nightly"], default="at_review") == "nightly",
        validity_months=table.whole("validity_months", least=1, most=1200, default=None),
        downgrade=downgrade,
        one_step=table.choice("down", ["one_step", "to_target"], default="one_step" if graceful else "to_target")
        == "one_step",
        grace_unit=grace_unit,
        grace_length=grace_length,
    )
    terms = _read_terms(table, book, tiers)
    complaints = len(table.complaints)
    conditions = [_read_condition(one, book, tiers, currencies) for one in table.tables("conditions")]
    plan = RuleBookPlan(rule_book=book, tiers=tiers, terms=terms, conditions=conditions)
    if len(table.complaints) == complaints:
        for sentence in checking.complaints(plan, history_from=history_from):
            table.complain("conditions", sentence)
    table.finish()
    return plan


def _read_length(table: Table, key: str, *, allowed: bool) -> tuple[int, str] | None:
    """Return a length such as "90 days" or "3 months" as its number and its unit; None where it is absent or wrong."""
    raw = table.text(key, longest=20, default=None)
    if raw is None:
        return None
    match = re.fullmatch(r"(0|[1-9]\d{0,3}) (months|days)", raw)
    if not allowed:
        table.complain(key, "stands only beside downgrade = grace")
    elif match is None:
        table.complain(key, "is wrong: such as 90 days or 3 months")
    return (int(match[1]), match[2]) if match else None


def _read_terms(parent: Table, book: RuleBook, tiers: list[Tier]) -> list[TierTerms]:
    """Read the tables multipliers, validity_by_tier and grace_by_tier, the last in the unit of the rule book's grace."""
    multipliers, validities, graces = (
        parent.keyed(key) for key in ("multipliers", "validity_by_tier", "grace_by_tier")
    )
    terms = []
    for tier in tiers:
        # Where a tier or its multiplier is wrong, the complaint stands and nothing is saved.
        multiplier: Any = multipliers.exact(tier.code, places=3, most=999, default=1) if tier.code else None
        if multiplier == 0:
            multipliers.complain(tier.code, "is wrong: a multiplier is more than 0")
        above = tier.code and tier.rank > 0
        validity = validities.whole(tier.code, least=1, most=1200, default=None) if above else None
        grace = _read_length(graces, tier.code, allowed=book.downgrade == RuleBook.Downgrade.GRACE) if above else None
        if grace and grace[1] != book.grace_unit:
            graces.complain(tier.code, f"is wrong: the rule book's grace is in {book.grace_unit}")
        terms.append(
            TierTerms(
                rule_book=book, tier=tier, multiplier=multiplier, validity_months=validity,
                grace_length=grace[0] if grace else None,
            )
        )  # fmt: skip
    for table in (multipliers, validities, graces):
        table.finish()
    return terms


def _read_condition(table: Table, book: RuleBook, tiers: list[Tier], currencies: dict[str, PointCurrency]) -> Condition:
    metric = table.choice("metric", Metric.values)
    code = table.choice("tier", [tier.code for tier in tiers[1:] if tier.code])
    window, window_length = _read_window(table, metric)
    # Where a minimum is wrong, the complaint stands and nothing is saved.
    enter: Any
    keep: Any
    enter, keep = _read_minima(table, metric)
    excludes = table.flag("excludes")
    if metric and excludes != (metric == Metric.RISK_GRADE):
        table.complain("excludes", "is true with risk_grade, and with nothing else")
    for key in ("group", "keep"):
        if excludes and key in table.content:
            table.complain(key, "stands at no condition that excludes")
    condition = Condition(
        rule_book=book,
        tier=next((tier for tier in tiers if tier.code == code), None),
        group=table.whole("group", least=1, most=100, default=1),
        metric=metric,
        series=_read_series(table, metric, currencies),
        window=window,
        window_length=window_length,
        enter_minimum=enter,
        keep_minimum=keep,
        excludes=excludes,
    )
    table.finish()
    return condition


def _read_minima(table: Table, metric: str | None) -> tuple[int | None, int | None]:
    """Return what entering and keeping asks for, in the metric's unit."""
    if metric in IN_MONEY:
        enter = table.money_minor("enter")
        keep = table.money_minor("keep", default=enter)
    else:
        least, most = (1, HIGHEST_GRADE) if metric in GRADES else (0, 10**12)
        enter = table.whole("enter", least=least, most=most)
        keep = table.whole("keep", least=least, most=most, default=enter)
    if enter is not None and keep is not None and keep > enter:
        table.complain("keep", "asks more than enter")
    return enter, keep


def _read_window(table: Table, metric: str | None) -> tuple[str, int | None]:
    """Return a window such as "12 months" as its unit and its length, which a year has none of."""
    raw = table.text("window", longest=20, default=None)
    if metric not in WINDOWED:
        if raw is not None and metric:
            table.complain("window", f"{metric} has none")
        return "", None
    if raw in YEARS:
        return YEARS[raw], None
    match = re.fullmatch(r"([1-9]\d{0,3}) (months|days)", raw or "")
    if match is None:
        table.complain("window", "is missing or wrong: such as 12 months, 90 days, year or membership year")
        return "", None
    return match[2], int(match[1])


def _read_series(table: Table, metric: str | None, currencies: dict[str, PointCurrency]) -> Series | None:
    selection = table.words("selection")
    if selection and metric and metric not in SELECTING:
        table.complain("selection", f"{metric} has none")
    code = table.text("currency", longest=20, default=None)
    currency = currencies.get(code)
    if metric in IN_GROWTH_POINTS:
        if currency is None or currency.kind not in (PointCurrency.Kind.GROWTH, None):
            table.complain("currency", f"{code or 'none'} is no currency of growth points")
    elif metric and code is not None:
        table.complain("currency", f"{metric} has none")
    if metric is None or metric == Metric.TENURE or metric in GRADES:
        return None
    counted = Metric.GROWTH_POINTS if metric in IN_GROWTH_POINTS else metric
    return Series(metric=counted, currency=currency, selection=selection)
