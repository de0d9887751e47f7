"""Complaints of the reader of rules, each at the field of the form that it is about, in the reader's language."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _

from foundation.money import number
from tiers.forming import BY_TIER
from tiers.models import Tier


def by_field(complaints: Iterable[str], *, tiers: Sequence[Tier]) -> dict[str, list[str]]:
    """Return what is wrong by the name of its field; `c-3` is a condition, `tier-gold` a tier, "" the rules as a whole."""
    found: dict[str, list[str]] = {}
    for complaint in complaints:
        path, _colon, fragment = complaint.partition(": ")
        field = _field(path, fragment, tiers)
        sentence = worded(fragment)
        sentences = found.setdefault(field, [])
        if sentence not in sentences:
            sentences.append(sentence)
    return found


def _field(path: str, fragment: str, tiers: Sequence[Tier]) -> str:
    if match := re.fullmatch(r"conditions\[(\d+)\](?:\.(\w+))?", path):
        return f"c-{match[1]}-{match[2]}" if match[2] and match[2] not in ("tier", "group") else f"c-{match[1]}"
    table, _dot, code = path.partition(".")
    if table in BY_TIER and code:
        return f"{BY_TIER[table]}-{code}"
    if path == "conditions":
        # The first tier that the sentence names, by its code or by its name, is the one to look at.
        places = {tier.code: _place(fragment, tier) for tier in tiers}
        first = min(places, key=lambda code: places[code], default="")
        return f"tier-{first}" if first and places[first] < len(fragment) else ""
    return path if path in FIELDS else ""


def _place(fragment: str, tier: Tier) -> int:
    """Return where a tier is first named in a fragment; its length where it is not."""
    found = [fragment.find(name) for name in (tier.code, str(tier)) if name]
    return min((place for place in found if place >= 0), default=len(fragment))


FIELDS = {"calendar", "upgrades", "validity_months", "downgrade", "down", "grace"}


def worded(fragment: str) -> str:
    """Return a fragment of the reader, which complains in English, as a sentence in the reader's language; others as they stand."""
    for pattern, said in SAID:
        if match := re.fullmatch(pattern, fragment):
            return said(match)
    return fragment


def _plain(sentence: Callable[[], str]) -> Callable[[re.Match[str]], str]:
    return lambda _match: sentence()


SAID: list[tuple[str, Callable[[Any], str]]] = [
    (r"is (?:missing|wrong): a whole number from 0 to \d{10,}", _plain(lambda: _("Give a whole number."))),
    (
        r"is (?:missing|wrong): a whole number from (\d+) to (\d+)",
        lambda found: (
            _("Give a whole number from %(least)s to %(most)s.")
            % {"least": number(int(found[1])), "most": number(int(found[2]))}
        ),
    ),
    (
        r"is (?:missing|wrong): a number from 0 to (\d+) with at most (\d+) decimals",
        lambda found: (
            _("Give a number up to %(most)s, with %(places)s decimals at most.")
            % {"most": number(int(found[1])), "places": found[2]}
        ),
    ),
    (
        r"is (?:missing|wrong): an amount in units of money with at most 2 decimals",
        _plain(lambda: _("Give an amount of money, such as 50000 or 0.01.")),
    ),
    (r"is (?:missing|wrong): one of .*", _plain(lambda: _("Choose one of the list."))),
    (r"is wrong: a list of different texts .*", _plain(lambda: _("Give different codes, with commas between them."))),
    (r"is wrong: a multiplier is more than 0", _plain(lambda: _("A multiplier is more than 0."))),
    (r"is (?:missing or )?wrong: such as .*", _plain(lambda: _("Give a length, such as 12 months or 90 days."))),
    (
        r"is wrong: the rule book's grace is in .*",
        _plain(lambda: _("Every grace period is in the unit of the general terms.")),
    ),
    (r"asks more than enter", _plain(lambda: _("Keeping a tier can't ask for more than reaching it."))),
    (
        r"stands only beside downgrade = grace",
        _plain(lambda: _("There is a grace period only where the downgrade has one.")),
    ),
    (r".* is no currency of growth points", _plain(lambda: _("Choose which growth points count."))),
    (r"is not known here", _plain(lambda: _("A term of these rules is not known."))),
    (
        r"(?:stands at no condition that excludes|is true with risk_grade.*)",
        _plain(lambda: _("Choose one of the list.")),
    ),
]
