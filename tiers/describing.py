"""Rules in words: sentences made from a rule book itself, so that they cannot drift from it."""

import dataclasses
from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from foundation.jobs.models import Bank
from foundation.money import money, number
from foundation.naming import worded_each
from tiers.compiling import Ladder, Measure, Value, load
from tiers.lasting import lasting
from tiers.models import Condition, Metric, RuleBook, Tier

USUAL_CLASSES = ("deposit", "wealth", "insurance")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Described:
    """A tier's rule in words; `keeping` is empty where keeping asks for what entering asks for."""

    tier: Tier
    entering: str
    keeping: str
    multiplier: Decimal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
    """A rule book in words: each tier's rule from standard up, how long a tier lasts, and what counts for each measure."""

    tiers: list[Described]
    lasting: list[str]
    counting: list[str]


def describe(rule_book: RuleBook) -> Description:
    """Return the rule book in the reader's language; five statements."""
    (ladder,) = load([rule_book])
    return described(ladder)


def described(ladder: Ladder) -> Description:
    """Return a ladder, a draft's too, in the reader's language; one statement."""
    multipliers = {terms.tier_id: terms.multiplier for terms in ladder.terms}
    words = Words()
    return Description(
        tiers=[_described(ladder, tier, multipliers.get(tier.pk, Decimal(1)), words) for tier in ladder.tiers],
        lasting=lasting(ladder),
        counting=counting(ladder),
    )


def _described(ladder: Ladder, tier: Tier, multiplier: Decimal, words: "Words") -> Described:
    groups = ladder.groups_of(tier)
    entering = either(both(words.asked(one, one.enter_minimum) for one in group) for group in groups)
    keeping = either(both(words.asked(one, one.keep_minimum) for one in group) for group in groups)
    standard = _("everybody else") if tier is ladder.tiers[0] else ""
    return Described(
        tier=tier, entering=entering or standard, keeping="" if keeping == entering else keeping, multiplier=multiplier
    )


def counting(ladder: Ladder) -> list[str]:
    """Return what counts for each measure of the ladder and what does not, a sentence or two each."""
    sentences = []
    for measure, selection in {
        Measure.of(one): one.series.selection if one.series else [] for one in ladder.conditions
    }.items():
        match measure.metric:
            case Metric.GROWTH_POINTS:
                sentence = _(
                    "Growth points count on the day of the activity that earned them, until a refund takes them back. They are never spent."
                )
            case Metric.AVERAGE_ASSETS:
                sentence = _(
                    "Average daily assets are the mean of the end-of-day balances of %(classes)s accounts; other accounts don't count."
                )
            case Metric.TRANSACTION_COUNT if selection:
                sentence = _("Of the transactions only these count: %(kinds)s.")
            case Metric.TRANSACTION_COUNT:
                sentence = _("Every transaction counts, on the day it happened.")
            case Metric.PRODUCTS_HELD if selection:
                sentence = _("Of the products held only these count: %(kinds)s.")
            case Metric.PRODUCTS_HELD:
                sentence = _("A product counts from the day it is opened until the day it is closed.")
            case Metric.TENURE:
                sentence = _("Membership counts in full months since joining.")
        classes = both(worded_each(selection or USUAL_CLASSES))
        sentences.append(sentence % {"classes": classes, "kinds": ", ".join(worded_each(selection))})
    return list(dict.fromkeys(sentences))


def both(parts: Iterable[str]) -> str:
    """Join what holds together, such as “A, B and C”."""
    *others, last = [*parts] or [""]
    first = _joined(others, _("%(first)s, %(second)s"))
    return _("%(first)s and %(second)s") % {"first": first, "second": last} if first else last


def either(parts: Iterable[str]) -> str:
    """Join what may hold instead of one another."""
    return _joined(list(parts), _("%(first)s, or %(second)s"))


def _joined(parts: Sequence[str], pattern: str) -> str:
    joined = parts[0] if parts else ""
    for part in parts[1:]:
        joined = pattern % {"first": joined, "second": part}
    return joined


class Words:
    """The words for measures and their figures, money in the bank's currency (asked for where it is not given)."""

    def __init__(self, currency: str = "") -> None:
        self.currency = currency or Bank.objects.get().currency

    def shown(self, measure: Measure, figure: int) -> str:
        """Return a whole figure as people read it; of assets it is in minor units."""
        return money(figure, currency=self.currency) if measure.metric == Metric.AVERAGE_ASSETS else number(figure)

    def label(self, measure: Measure) -> str:
        """Return what is measured, such as “average daily assets in the last 90 days”."""
        return _filled(_("%(measure)s %(window)s"), measure=str(measure.metric.label), window=_window(measure))

    def asked(self, condition: Condition, minimum: int) -> str:
        """Return a minimum, such as “at least 500 growth points in the last 12 months”."""
        measure = Measure.of(condition)
        patterns = {
            Metric.GROWTH_POINTS: ngettext(
                "at least %(minimum)s growth point %(window)s", "at least %(minimum)s growth points %(window)s", minimum
            ),
            Metric.AVERAGE_ASSETS: _("average daily assets of at least %(minimum)s %(window)s"),
            Metric.TRANSACTION_COUNT: ngettext(
                "at least %(minimum)s transaction %(window)s", "at least %(minimum)s transactions %(window)s", minimum
            ),
            Metric.PRODUCTS_HELD: ngettext(
                "at least %(minimum)s product held", "at least %(minimum)s products held", minimum
            ),
            Metric.TENURE: ngettext(
                "at least %(minimum)s month of membership", "at least %(minimum)s months of membership", minimum
            ),
        }
        return _filled(patterns[measure.metric], minimum=self.shown(measure, minimum), window=_window(measure))

    def figure(self, measure: Measure, value: Value) -> str:
        """Return a figure as a phrase, such as “1,200 growth points in the last 12 months”."""
        whole = value.rounded
        patterns = {
            Metric.GROWTH_POINTS: ngettext(
                "%(value)s growth point %(window)s", "%(value)s growth points %(window)s", whole
            ),
            Metric.AVERAGE_ASSETS: _("average daily assets of %(value)s %(window)s"),
            Metric.TRANSACTION_COUNT: ngettext(
                "%(value)s transaction %(window)s", "%(value)s transactions %(window)s", whole
            ),
            Metric.PRODUCTS_HELD: ngettext("%(value)s product held", "%(value)s products held", whole),
            Metric.TENURE: ngettext("%(value)s month of membership", "%(value)s months of membership", whole),
        }
        return _filled(patterns[measure.metric], value=self.shown(measure, whole), window=_window(measure))

    def held_against(self, condition: Condition, value: Value, minimum: int) -> str:
        """Return a figure beside its minimum, such as “3 products held (2 or more are asked)”, with “only” where it is below."""
        measure = Measure.of(condition)
        pattern = (
            _("%(figure)s (%(minimum)s or more are asked)")
            if value.reaches(minimum)
            else _("only %(figure)s (%(minimum)s or more are asked)")
        )
        return pattern % {"figure": self.figure(measure, value), "minimum": self.shown(measure, minimum)}

    def missing(self, condition: Condition, gap: int) -> str:
        """Return what is missing, such as “¥72,000.00 more in average daily assets”."""
        measure = Measure.of(condition)
        patterns = {
            Metric.GROWTH_POINTS: ngettext("%(gap)s more growth point", "%(gap)s more growth points", gap),
            Metric.AVERAGE_ASSETS: _("%(gap)s more in average daily assets"),
            Metric.TRANSACTION_COUNT: ngettext("%(gap)s more transaction", "%(gap)s more transactions", gap),
            Metric.PRODUCTS_HELD: ngettext("%(gap)s more product", "%(gap)s more products", gap),
            Metric.TENURE: ngettext("%(gap)s more month of membership", "%(gap)s more months of membership", gap),
        }
        return _filled(patterns[measure.metric], gap=self.shown(measure, gap))


def _window(measure: Measure) -> str:
    if not measure.window_length:
        return ""
    if measure.window == Condition.Window.MONTHS:
        words = ngettext("in the last month", "in the last %(count)s months", measure.window_length)
    else:
        words = ngettext("on the last day", "in the last %(count)s days", measure.window_length)
    return words % {"count": number(measure.window_length)}


def _filled(pattern: str, **parts: str) -> str:
    """Fill a pattern and close the gap that an empty part leaves."""
    return " ".join((pattern % parts).split())
