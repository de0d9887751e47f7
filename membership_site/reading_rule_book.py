"""Reading a programme's first rule book out of a configuration; whether it makes sense, tiers.checking says."""

import dataclasses
import re

from activity.reports import HIGHEST_GRADE
from foundation.reading import Table
from points.models import PointCurrency
from tiers import checking
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
    if table is None:
        return None
    book = RuleBook(
        programme=programme,
        number=1,
        in_force_from=table.day("in_force_from"),
        validity_months=table.whole("validity_months", least=1, most=1200, default=None),
        downgrade=table.choice("downgrade", RuleBook.Downgrade.values, default=RuleBook.Downgrade.IMMEDIATE),
    )
    terms = _read_terms(table.keyed("multipliers"), book, tiers)
    complaints = len(table.complaints)
    conditions = [_read_condition(one, book, tiers, currencies) for one in table.tables("conditions")]
    plan = RuleBookPlan(rule_book=book, tiers=tiers, terms=terms, conditions=conditions)
    if len(table.complaints) == complaints:
        for sentence in checking.complaints(plan):
            table.complain("conditions", sentence)
    table.finish()
    return plan


def _read_terms(table: Table, book: RuleBook, tiers: list[Tier]) -> list[TierTerms]:
    terms = []
    for tier in tiers:
        multiplier = table.exact(tier.code, places=3, most=999, default=1) if tier.code else None
        if multiplier == 0:
            table.complain(tier.code, "is wrong: a multiplier is more than 0")
        terms.append(TierTerms(rule_book=book, tier=tier, multiplier=multiplier))
    table.finish()
    return terms


def _read_condition(table: Table, book: RuleBook, tiers: list[Tier], currencies: dict[str, PointCurrency]) -> Condition:
    metric = table.choice("metric", Metric.values)
    code = table.choice("tier", [tier.code for tier in tiers[1:] if tier.code])
    window, window_length = _read_window(table, metric)
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
