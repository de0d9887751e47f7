"""Why an entry has its points, in words: rule, working, note."""

import dataclasses
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models import EarningRuleVersion
from foundation.jobs.models import Bank
from foundation.money import money as amount
from foundation.money import number
from foundation.translating import translated
from points.models import Entry
from tiers.models import Tier

# What campaigns/sql/first_time.sql writes in the place of what a rule earns per.
FIRST_TIME = "first time"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reason:
    """The reason of an entry in the reader's language, and the rule version that gave it.

    `rule` is its name, `working` such as "¥240.00 × 0.1 × Gold ×2 = 48", `note` says what else mattered, or nothing.
    """

    version: EarningRuleVersion
    rule: str
    working: str
    note: str


def why(entry: Entry) -> Reason | None:
    """Return the reason of one entry; None for one that no earning rule gave."""
    return why_each([entry])[0]


def why_each(entries: Iterable[Entry], *, tiers: Iterable[Tier] | None = None, money: str = "") -> list[Reason | None]:
    """Return the reasons of entries, in order, in three statements at most.

    One where all tiers, with their programmes, and the bank's currency (`money`) are at hand.
    """
    entries = list(entries)
    wanted = {entry.rule_version_id for entry in entries if entry.rule_version_id is not None and entry.figures}
    if not wanted:
        return [None] * len(entries)
    versions = EarningRuleVersion.objects.select_related("rule").in_bulk(wanted)
    known = Tier.objects.select_related("programme") if tiers is None else tiers
    by_code = {(tier.programme.code, tier.code): tier for tier in known}
    currency = money or Bank.objects.get().currency
    return [
        _reason(entry, versions[entry.rule_version_id], by_code, currency) if entry.rule_version_id in wanted else None
        for entry in entries
    ]


def _reason(entry: Entry, version: EarningRuleVersion, tiers: dict[tuple[str, str], Tier], currency: str) -> Reason:
    figures: dict[str, Any] = entry.figures or {}
    rule = translated(version.rule.names)
    if figures["per"] == FIRST_TIME:
        working = _("%(points)s for the first time") % {"points": number(entry.points)}
        return Reason(version=version, rule=rule, working=working, note="")
    factors = [number(Decimal(figures["rate"]))]
    if figures["per"] == EarningRuleVersion.Per.AMOUNT:
        factors.insert(0, amount(figures["amount_minor"], currency=currency))
    if "multiplier" in figures:
        tier = tiers[figures["programme"], figures["tier"]]
        factors.append(f"{translated(tier.names)} ×{figures['multiplier']}")
    uncapped = number(figures.get("uncapped", entry.points))
    each = _("%(points)s for each activity") % {"points": uncapped}
    return Reason(
        version=version,
        rule=rule,
        working=f"{' × '.join(factors)} = {uncapped}" if len(factors) > 1 else each,
        note=" ".join(_cuts(figures)),
    )


def _cuts(figures: dict[str, Any]) -> Iterator[str]:
    """Yield which caps cut the points, in the order in which they did, and what was left of them."""
    if "cap" in figures:
        yield _("At most %(cap)s per activity.") % {"cap": number(figures["cap"])}
    if "cap_day" in figures:
        left = {"cap": number(figures["cap_day"]), "left": number(figures["left_of_day"])}
        yield _("At most %(cap)s per day; left that day: %(left)s.") % left
    if "cap_month" in figures:
        left = {"cap": number(figures["cap_month"]), "left": number(figures["left_of_month"])}
        yield _("At most %(cap)s per month; left that month: %(left)s.") % left
