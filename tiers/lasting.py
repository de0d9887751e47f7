"""How long a tier lasts, in words: reviews, validity, downgrade and grace, made from the rule book itself."""

import itertools
from collections.abc import Sequence
from typing import TypeVar

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from foundation.money import number
from tiers.compiling import Ladder
from tiers.models import RuleBook, Tier

Of = TypeVar("Of")
Calendar, Downgrade = RuleBook.Calendar, RuleBook.Downgrade


def lasting(ladder: Ladder) -> list[str]:
    """Return when members are reviewed, how long each tier is valid, and how it ends, in the reader's language."""
    return [*_reviews(ladder.rule_book), *_validity(ladder), *_ending(ladder)]


def _reviews(book: RuleBook) -> list[str]:
    sentences = {
        Calendar.NIGHTLY: _("Members are reviewed every night."),
        Calendar.MONTH_END: _("Members are reviewed on the last day of each month."),
        Calendar.QUARTER_END: _("Members are reviewed on the last day of each quarter."),
        Calendar.HALF_YEAR_END: _("Members are reviewed on 30 June and 31 December."),
        Calendar.YEAR_END: _("Members are reviewed on 31 December."),
        Calendar.ANNIVERSARY: _("Each member is reviewed on the anniversary of joining."),
    }
    at_once = [_("A higher tier is given the same night.")] if _rises_early(book) else []
    return [sentences[Calendar(book.calendar)], *at_once]


def _rises_early(book: RuleBook) -> bool:
    return book.upgrades_nightly and book.calendar != Calendar.NIGHTLY


def _validity(ladder: Ladder) -> list[str]:
    if ladder.rule_book.downgrade == Downgrade.NEVER:
        return []
    sentences = []
    for months, tiers in _alike(ladder, ladder.validities):
        if months is None:
            sentences.append(_("Each review decides afresh."))
            continue
        sentence = ngettext(
            "%(tiers)s is valid to the end of the month %(count)s month on; the last review until then decides on renewal.",
            "%(tiers)s is valid to the end of the month %(count)s months on; the last review until then decides on renewal.",
            months,
        )
        sentences.append(sentence % {"tiers": tiers, "count": number(months)})
    return sentences


def _ending(ladder: Ladder) -> list[str]:
    book = ladder.rule_book
    match Downgrade(book.downgrade):
        case Downgrade.NEVER:
            return [_("A tier once reached is kept for ever.")]
        case Downgrade.GRACE:
            sentences = [_grace(tiers, length, book) for length, tiers in _alike(ladder, ladder.graces)]
        case _:
            sentences = []
    if book.one_step:
        sentences.append(_("Who no longer qualifies goes down one tier at a time."))
    else:
        sentences.append(_("Who no longer qualifies goes down to the tier whose minima are met."))
    if book.protected_until:
        sentences.append(_("Nobody goes down before %(date)s.") % {"date": date_format(book.protected_until)})
    return sentences


def _grace(tiers: str, length: int, book: RuleBook) -> str:
    if not length:
        return _("%(tiers)s has no grace period.") % {"tiers": tiers}
    if book.grace_unit == RuleBook.GraceUnit.MONTHS:
        sentence = ngettext(
            "%(tiers)s has a grace period of %(count)s month after that; any review in it renews the tier of who qualifies.",
            "%(tiers)s has a grace period of %(count)s months after that; any review in it renews the tier of who qualifies.",
            length,
        )
    else:
        sentence = ngettext(
            "%(tiers)s has a grace period of %(count)s day after that; any review in it renews the tier of who qualifies.",
            "%(tiers)s has a grace period of %(count)s days after that; any review in it renews the tier of who qualifies.",
            length,
        )
    return sentence % {"tiers": tiers, "count": number(length)}


def _alike(ladder: Ladder, terms: Sequence[Of]) -> list[tuple[Of, str]]:
    """Return the terms of the tiers above standard with the names of those that share them, neighbours together."""
    above: list[tuple[Of, Tier]] = list(zip(terms, ladder.tiers, strict=True))[1:]
    grouped = [
        (one, [f"{tier}" for _one, tier in alike]) for one, alike in itertools.groupby(above, key=lambda pair: pair[0])
    ]
    if len(grouped) == 1:
        return [(grouped[0][0], _("A tier"))]
    return [(one, ", ".join(names)) for one, names in grouped]
