"""Contrasting rules in words: what a version says now and what another would say, term by term."""

import dataclasses
from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from foundation.money import number
from tiers.compiling import Ladder, Measure
from tiers.describing import Words
from tiers.models import Condition, RuleBook, Tier

NOTHING = "–"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """One term that differs: whose it is (None: everybody's), what it is called, and what it was and will be."""

    tier: Tier | None
    what: str
    before: str
    after: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Term:
    """Whose term it is (0: everybody's) and what it is called; a minimum is known by its way and measure."""

    tier: int = 0
    what: str
    measure: str = ""


def contrast(before: Ladder | None, after: Ladder, words: Words | None = None) -> list[Difference]:
    """Return what differs between two ladders of a programme, from its general terms up to its highest tier, in the reader's language.

    Without a `before` everything is new. One statement at most, where no `words` are given.
    """
    words = words or Words()
    was = _terms(before, words) if before else {}
    will_be = _terms(after, words)
    tiers = {tier.pk: tier for tier in after.tiers}
    found = [
        Difference(
            tier=tiers.get(key.tier), what=key.what, before=was.get(key, NOTHING), after=will_be.get(key, NOTHING)
        )
        for key in dict.fromkeys([*will_be, *was])
        if was.get(key) != will_be.get(key)
    ]
    return _together(sorted(found, key=lambda one: one.tier.rank if one.tier else -1), after)


def _terms(ladder: Ladder, words: Words) -> dict[_Term, str]:
    """Return everything a ladder says, by whose and which term it is."""
    book = ladder.rule_book
    terms = {
        _Term(what=_("review calendar")): book.get_calendar_display(),
        _Term(what=_("upgrades")): _("every night") if book.upgrades_nightly else _("at the review"),
        _Term(what=_("downgrade")): book.get_downgrade_display(),
        _Term(what=_("how far down")): _("one tier") if book.one_step else _("to the tier whose minima are met"),
    }
    multipliers = {one.tier_id: one.multiplier for one in ladder.terms}
    for tier, validity, grace in zip(ladder.tiers, ladder.validities, ladder.graces, strict=True):
        terms[_Term(tier=tier.pk, what=_("points multiplier"))] = f"× {multipliers.get(tier.pk, 1):f}".rstrip(
            "0"
        ).rstrip(".")
        if tier.rank and book.downgrade != RuleBook.Downgrade.NEVER:
            terms[_Term(tier=tier.pk, what=_("validity"))] = (
                lasts(validity, "months") if validity else _("each review decides afresh")
            )
        if tier.rank and book.downgrade == RuleBook.Downgrade.GRACE:
            terms[_Term(tier=tier.pk, what=_("grace period"))] = lasts(grace, book.grace_unit) if grace else _("none")
    for condition in ladder.conditions:
        terms |= dict(_minima(condition, words))
    return terms


def _minima(condition: Condition, words: Words) -> Iterator[tuple[_Term, str]]:
    measure = Measure.of(condition)
    label = words.label(measure)
    if condition.excludes:
        what = _("ruled out from this %(measure)s on") % {"measure": label}
        yield _Term(tier=condition.tier_id, what=what), words.shown(measure, condition.enter_minimum)
        return
    what = label if condition.group == 1 else _("way %(number)s: %(what)s") % {"number": condition.group, "what": label}
    for purpose, minimum in ((_("to enter"), condition.enter_minimum), (_("to keep"), condition.keep_minimum)):
        named = _("%(what)s, %(purpose)s") % {"what": what, "purpose": purpose}
        term = _Term(tier=condition.tier_id, what=named, measure=f"{condition.group} {measure.key}")
        yield term, words.shown(measure, minimum)


def _together(differences: list[Difference], ladder: Ladder) -> list[Difference]:
    """Say once what differs in the same way for every tier above standard."""
    above = {tier.pk for tier in ladder.tiers[1:]}
    alike: dict[tuple[str, str, str], set[int]] = {}
    for one in differences:
        if one.tier:
            alike.setdefault((one.what, one.before, one.after), set()).add(one.tier.pk)
    said, result = set(), []
    for one in differences:
        key = (one.what, one.before, one.after)
        if len(above) > 1 and one.tier and alike[key] == above:
            if key not in said:
                said.add(key)
                result.append(dataclasses.replace(one, tier=None))
        else:
            result.append(one)
    return sorted(result, key=lambda one: one.tier.rank if one.tier else -1)


def lasts(length: int, unit: str) -> str:
    """Return a length of time, such as “90 days”."""
    pattern = (
        ngettext("%(count)s month", "%(count)s months", length)
        if unit == RuleBook.GraceUnit.MONTHS
        else ngettext("%(count)s day", "%(count)s days", length)
    )
    return pattern % {"count": number(length)}
