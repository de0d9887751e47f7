"""Wording what was decided on a member's tier and what comes next, in the reader's language."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from tiers.compiling import Ladder, Measure, values_of
from tiers.describing import Words, both
from tiers.models import Condition, Decision, Protection, RuleBook, Tier

if TYPE_CHECKING:
    from tiers.explaining import Explanation, Group

Outcome = Decision.Outcome
Kind = Protection.Kind


def outlook(told: "Explanation") -> list[str]:
    """Return what comes: what is secured, until when the tier is valid, what keeping it lacks by when, what the next one asks."""
    if told.is_closed:
        return [_("The membership is closed; no review changes its tiers any more.")]
    sentences = [*_secured(told)]
    if told.tier.rank:
        sentences += [*_valid(told), *_kept(told)]
    sentences.append(_rising(told))
    if told.new_rules_from:
        sentences.append(_("New rules hold from %(date)s.") % {"date": date_format(told.new_rules_from)})
    return sentences


def protected(protection: Protection) -> str:
    """Return a protection in a few words, such as “by invitation until 30 June 2026”."""
    patterns = {
        Kind.INVITATION: _("by invitation until %(date)s"),
        Kind.FREEZE: _("frozen until %(date)s"),
        Kind.OVERRIDE: _("set by hand until %(date)s"),
    }
    return patterns[Kind(protection.kind)] % {"date": date_format(protection.ends_on)}


def _secured(told: "Explanation") -> list[str]:
    protection = told.protection
    if protection is None or protection.ends_on <= told.as_of:
        return []
    if protection.starts_on > told.as_of:
        sentence = _("%(tier)s from the close of %(date)s on: %(how)s.")
        words = {"date": date_format(protection.starts_on), "how": protected(protection), "tier": protection.tier}
        return [sentence % words]
    patterns = {
        Kind.INVITATION: _("By invitation no review before %(date)s lowers it below %(tier)s."),
        Kind.FREEZE: _("It is frozen: no review before %(date)s lowers it below %(tier)s."),
        Kind.OVERRIDE: _("It was set by hand: no review before %(date)s lowers it below %(tier)s."),
    }
    words = {"date": date_format(protection.ends_on), "tier": protection.tier}
    return [patterns[Kind(protection.kind)] % words]


def _valid(told: "Explanation") -> list[str]:
    if told.grace_until:
        return [_("In grace until %(date)s.") % {"date": date_format(told.grace_until)}]
    gave_it = told.protection and told.protection.until == told.valid_until
    if told.valid_until and told.valid_until >= told.as_of and not gave_it:
        return [_("Valid until %(date)s.") % {"date": date_format(told.valid_until)}]
    return []


def _kept(told: "Explanation") -> list[str]:
    """Say whether the tier is kept by what is known today, by which review it is decided, and what that lacks."""
    dates = told.dates
    if told.rule_book.downgrade == RuleBook.Downgrade.NEVER:
        return [_("A tier once reached is kept for ever.")]
    if dates.lowers_on is None or told.satisfied.rank > told.tier.rank:
        return []
    if told.is_kept_then:
        if dates.renews_on is None:
            sentence = _("Each review decides afresh, the next one on %(date)s.")
            return [sentence % {"date": date_format(dates.review_on)}]
        on = dates.review_on if told.grace_until else dates.renews_on
        return [_("As things stand, the review of %(date)s renews it.") % {"date": date_format(on)}]
    words = {
        "tier": told.tier,
        "missing": nearest(told.keeping_then),
        "date": date_format(dates.lowers_on),
        "to": told.foreseen.tier if told.foreseen else "",
        "until": date_format(told.grace_until) if told.grace_until else "",
    }
    if told.grace_until:
        lack, end = (
            _("Missing to keep %(tier)s: %(missing)s."),
            _("Any review until %(until)s renews it once that is met; else the one of %(date)s lowers it to %(to)s."),
        )
    elif dates.begins_grace:
        lack, end = _lack(told), _("Otherwise a grace period begins with that review.")
    else:
        lack, end = _lack(told), _("Otherwise that review lowers it to %(to)s.")
    return [lack % words, end % words]


def _lack(told: "Explanation") -> str:
    if told.satisfied.rank < told.tier.rank:
        return _("Missing to keep %(tier)s at the review of %(date)s: %(missing)s.")
    return _(
        "Enough for %(tier)s today, but not any more on %(date)s, when older figures have dropped out: %(missing)s."
    )


def _rising(told: "Explanation") -> str:
    words = {
        "tier": told.next_tier,
        "missing": nearest(told.rising),
        "satisfied": told.satisfied,
        "date": date_format(told.dates.rises_on),
    }
    if told.next_tier is None:
        return _("There is no higher tier.")
    if told.satisfied.rank > told.tier.rank:
        return _("All that %(satisfied)s asks is met; the review of %(date)s gives it.") % words
    if not words["missing"]:
        return _("Nobody reaches %(tier)s by his own doing.") % words
    if told.rises_every_night:
        return _("Missing for %(tier)s: %(missing)s. It is given the night all is met.") % words
    return _("Missing for %(tier)s: %(missing)s. If all is met by the review of %(date)s, that gives it.") % words


def nearest(groups: Sequence["Group"]) -> str:
    """Return what the nearest of alternative groups lacks."""
    group = min(groups, key=lambda one: one.distance, default=None)
    return group.missing if group else ""


def told(decision: Decision, ladder: Ladder, words: Words) -> str:
    """Return a decision as a sentence: what it did, when, and the figures that decided it."""
    patterns = {
        Outcome.UPGRADED: _("%(to)s since %(date)s, up from %(from)s, because of %(reasons)s."),
        Outcome.RENEWED: _("%(to)s renewed on %(date)s, because of %(reasons)s."),
        Outcome.DOWNGRADED: _("%(to)s since %(date)s, down from %(from)s, because of %(reasons)s."),
        Outcome.GRACE: _("%(to)s in grace since %(date)s, until %(grace)s, because of %(reasons)s."),
        Outcome.INVITED: _("%(to)s by invitation since %(date)s, until %(until)s."),
        Outcome.OVERRIDDEN: _("%(to)s set by hand on %(date)s, until %(until)s."),
        Outcome.FROZEN: _("%(to)s again since %(date)s: it was frozen while it fell, until %(until)s."),
    }
    return patterns[Outcome(decision.outcome)] % {
        "to": decision.to_tier,
        "from": decision.from_tier,
        "date": date_format(decision.as_of),
        "grace": date_format(decision.grace_until) if decision.grace_until else "",
        "until": date_format(decision.valid_until) if decision.valid_until else "",
        "reasons": _reasons(decision, ladder, words),
    }


def everybodys(tier: Tier) -> str:
    """Return why a member stands at standard of whom nothing was decided."""
    return _("%(tier)s, as everybody who satisfies no higher tier.") % {"tier": tier}


def _reasons(decision: Decision, ladder: Ladder, words: Words) -> str:
    """Return the figures that decided: those that satisfied the new tier; of a downgrade, or grace, those that the old one lacked."""
    values = values_of(decision.figures)
    falls = decision.outcome in (Outcome.DOWNGRADED, Outcome.GRACE)
    tier, keeps = (decision.from_tier, True) if falls else (decision.to_tier, decision.outcome == Outcome.RENEWED)

    def lacking(group: list[Condition]) -> list[Condition]:
        return [one for one in group if not values[Measure.of(one).key].meets(one, minimum(one))]

    def minimum(condition: Condition) -> int:
        return condition.keep_minimum if keeps else condition.enter_minimum

    groups = [[*group, *ladder.exclusions_of(tier)] for group in ladder.groups_of(tier)]
    decisive = min(groups, key=lambda group: len(lacking(group)), default=[])
    shown = lacking(decisive) if falls else [one for one in decisive if not one.excludes]
    return both(words.held_against(one, values[Measure.of(one).key], minimum(one)) for one in shown)
