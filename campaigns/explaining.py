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
    """The reason of an entry in the reader's language, and the rule version that gave it, or gave what it takes back.

    `rule` is its name, `working` such as "¥240.00 × 0.1 × Gold ×2 = 48", of a clawback "48 × ¥80.00 ÷ ¥240.00 = 16"; `note` says
    what else mattered, or nothing. `takes_back` is the number of the entry whose points it takes back, if it does.
    """

    version: EarningRuleVersion
    rule: str
    working: str
    note: str
    takes_back: int | None = None


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
    if "reversed_minor" in figures:
        return _taken_back(entry, version, figures, currency)
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


def _taken_back(entry: Entry, version: EarningRuleVersion, figures: dict[str, Any], currency: str) -> Reason:
    """Return the reason of a clawback: the share of what was earned that all refunds reach, less what earlier ones took."""
    earned, before, now = figures["earned"], figures["clawed_before"], -entry.points
    note = _("The activity was reversed as a whole.")
    working = number(now)
    if of_minor := figures["of_minor"]:
        reversed_money, whole = (amount(minor, currency=currency) for minor in (figures["reversed_minor"], of_minor))
        less = f" − {number(before)}" if before else ""
        working = f"{number(earned)} × {reversed_money} ÷ {whole}{less} = {number(now)}"
        note = _(
            "%(part)s of %(whole)s has been refunded by now; that share of the %(earned)s points earned is taken back."
        ) % {
            "part": reversed_money,
            "whole": whole,
            "earned": number(earned),
        }
        if before:
            note += " " + _("%(points)s of it had been taken back before.") % {"points": number(before)}
    return Reason(
        version=version,
        rule=translated(version.rule.names),
        working=working,
        note=note,
        takes_back=figures["entry"],
    )
