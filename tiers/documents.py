"""Rule books as documents: the other way round than tiers.reading, exactly."""

from decimal import Decimal
from typing import Any

from tiers.compiling import Ladder
from tiers.models import IN_MONEY, Condition, RuleBook

# What is written only where it differs from what absence means.
EMPTY: tuple[Any, ...] = ("", None, [], {})


def document_of(ladder: Ladder) -> dict[str, Any]:
    """Return a ladder as the document that tiers.reading.ladder_of reads back as the same ladder.

    It holds texts, whole numbers, lists and tables, as JSON and TOML have them; fractions are texts.
    """
    book = ladder.rule_book
    graceful = book.downgrade == RuleBook.Downgrade.GRACE
    codes = {tier.pk: tier.code for tier in ladder.tiers}
    terms = sorted(ladder.terms, key=lambda one: one.tier.rank)
    document = {
        "calendar": book.calendar,
        "upgrades": "nightly" if book.upgrades_nightly else "at_review",
        "validity_months": book.validity_months,
        "validity_by_tier": {codes[one.tier_id]: one.validity_months for one in terms if one.validity_months},
        "downgrade": book.downgrade,
        "down": "one_step" if book.one_step else "to_target",
        "grace": f"{book.grace_length} {book.grace_unit}" if graceful else None,
        "grace_by_tier": {
            codes[one.tier_id]: f"{one.grace_length} {book.grace_unit}"
            for one in terms
            if graceful and one.grace_length is not None
        },
        "multipliers": {codes[one.tier_id]: written(one.multiplier) for one in terms if one.multiplier != 1},
        "conditions": [_condition(one) for one in ladder.conditions],
    }
    return {key: value for key, value in document.items() if value not in EMPTY}


def _condition(condition: Condition) -> dict[str, Any]:
    series = condition.series
    money = condition.metric in IN_MONEY
    enter, keep = condition.enter_minimum, condition.keep_minimum
    written_out = {
        "tier": condition.tier.code,
        "excludes": condition.excludes or None,
        "group": None if condition.excludes else condition.group,
        "metric": str(condition.metric),
        "currency": series.currency.code if series and series.currency else None,
        "selection": list(series.selection) if series else None,
        "window": _window(condition),
        "enter": written(Decimal(enter) / 100) if money else enter,
        "keep": None if keep == enter else written(Decimal(keep) / 100) if money else keep,
    }
    return {key: value for key, value in written_out.items() if value not in EMPTY}


def _window(condition: Condition) -> str:
    """Return a window such as "12 months" or "membership year"; a year has no length."""
    if condition.window_length:
        return f"{condition.window_length} {condition.window}"
    return condition.window.replace("_", " ")


def written(exact: Decimal) -> int | str:
    """Return an exact number as a document has it: whole, or as a text where it has a fraction."""
    return int(exact) if exact == int(exact) else f"{exact.normalize():f}"
