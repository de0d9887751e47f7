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
from tiers.models import GRADES, IN_MONEY, Condition, Metric, RuleBook, Tier

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
    ruled_out = ladder.exclusions_of(tier)
    entering = words.without(
        ruled_out, either(both(words.asked(one, one.enter_minimum) for one in group) for group in groups)
    )
    keeping = words.without(
        ruled_out, either(both(words.asked(one, one.keep_minimum) for one in group) for group in groups)
    )
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
                sentence = _("Of the transactions only these count, unless they were taken back whole: %(kinds)s.")
            case Metric.TRANSACTION_COUNT:
                sentence = _("Every transaction counts, on the day it happened, unless it was taken back whole.")
            case Metric.TRANSACTION_AMOUNT if selection:
                sentence = _(
                    "To the transaction amount only these add: %(kinds)s; a refund takes back what it gave back."
                )
            case Metric.TRANSACTION_AMOUNT:
                sentence = _(
                    "Every transaction adds its amount on the day it happened; a refund takes back what it gave back."
                )
            case Metric.PRODUCTS_HELD if selection:
                sentence = _("Of the products held only these count: %(kinds)s.")
            case Metric.PRODUCTS_HELD:
                sentence = _("A product counts from the day it is opened until the day it is closed.")
            case Metric.TENURE:
                sentence = _("Membership counts in full months since joining.")
            case Metric.CREDIT_GRADE:
                sentence = _(
                    "The credit grade is the last one reported; higher is better, and without one the rule is not met."
                )
            case Metric.RISK_GRADE:
                sentence = _(
                    "The risk grade is the last one reported; higher is riskier, and without one nothing is ruled out."
                )
            case Metric.CUMULATIVE_CONTRIBUTION:
                sentence = _(
                    "The contribution is every growth point since joining, until a refund takes it back. It has no end."
                )
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

    def shown(self, measure: Measure, figure: int | None) -> str:
        """Return a whole figure as people read it; of money it is in minor units, of a grade never reported None."""
        if figure is None:
            return _("none")
        return money(figure, currency=self.currency) if measure.metric in IN_MONEY else number(figure)

    def limit(self, condition: Condition, minimum: int) -> str:
        """Return a minimum as it stands beside a figure: “500” or, of a condition that excludes, “under 4”."""
        shown = self.shown(Measure.of(condition), minimum)
        return _("under %(minimum)s") % {"minimum": shown} if condition.excludes else shown

    def label(self, measure: Measure) -> str:
        """Return what is measured, such as “average daily assets in the last 90 days”."""
        return label(measure)

    def without(self, ruled_out: Sequence[Condition], rule: str) -> str:
        """Return a tier's rule followed by what rules the tier out, such as “…; never with a risk grade of 4 or more”."""
        for one in ruled_out:
            grade = self.shown(Measure.of(one), one.enter_minimum)
            rule = _("%(rule)s; never with a risk grade of %(grade)s or more") % {"rule": rule, "grade": grade}
        return rule

    def asked(self, condition: Condition, minimum: int) -> str:
        """Return a minimum, such as “at least 500 growth points in the last 12 months”."""
        measure = Measure.of(condition)
        shown = self.shown(measure, minimum)
        patterns = {
            Metric.GROWTH_POINTS: ngettext(
                "at least %(minimum)s growth point %(window)s", "at least %(minimum)s growth points %(window)s", minimum
            ),
            Metric.AVERAGE_ASSETS: _("average daily assets of at least %(minimum)s %(window)s"),
            Metric.TRANSACTION_COUNT: ngettext(
                "at least %(minimum)s transaction %(window)s", "at least %(minimum)s transactions %(window)s", minimum
            ),
            Metric.TRANSACTION_AMOUNT: _("transactions that add up to at least %(minimum)s %(window)s"),
            Metric.PRODUCTS_HELD: ngettext(
                "at least %(minimum)s product held", "at least %(minimum)s products held", minimum
            ),
            Metric.TENURE: ngettext(
                "at least %(minimum)s month of membership", "at least %(minimum)s months of membership", minimum
            ),
            Metric.CREDIT_GRADE: _("a credit grade of at least %(minimum)s"),
            Metric.RISK_GRADE: _("a risk grade under %(minimum)s"),
            Metric.CUMULATIVE_CONTRIBUTION: ngettext(
                "at least %(minimum)s growth point since joining",
                "at least %(minimum)s growth points since joining",
                minimum,
            ),
        }
        return _narrowed(measure, _filled(patterns[measure.metric], minimum=shown, window=_window(measure)))

    def figure(self, measure: Measure, value: Value) -> str:
        """Return a figure as a phrase, such as “1,200 growth points in the last 12 months”."""
        if value.rounded is None:
            return _("no credit grade") if measure.metric == Metric.CREDIT_GRADE else _("no risk grade")
        whole = value.rounded
        patterns = {
            Metric.GROWTH_POINTS: ngettext(
                "%(value)s growth point %(window)s", "%(value)s growth points %(window)s", whole
            ),
            Metric.AVERAGE_ASSETS: _("average daily assets of %(value)s %(window)s"),
            Metric.TRANSACTION_COUNT: ngettext(
                "%(value)s transaction %(window)s", "%(value)s transactions %(window)s", whole
            ),
            Metric.TRANSACTION_AMOUNT: _("transactions of %(value)s in all %(window)s"),
            Metric.PRODUCTS_HELD: ngettext("%(value)s product held", "%(value)s products held", whole),
            Metric.TENURE: ngettext("%(value)s month of membership", "%(value)s months of membership", whole),
            Metric.CREDIT_GRADE: _("a credit grade of %(value)s"),
            Metric.RISK_GRADE: _("a risk grade of %(value)s"),
            Metric.CUMULATIVE_CONTRIBUTION: ngettext(
                "%(value)s growth point since joining", "%(value)s growth points since joining", whole
            ),
        }
        return _filled(patterns[measure.metric], value=self.shown(measure, whole), window=_window(measure))

    def held_against(self, condition: Condition, value: Value, minimum: int) -> str:
        """Return a figure beside its minimum, such as “3 products held (2 or more are asked)”, with “only” where it is below."""
        measure = Measure.of(condition)
        if measure.metric == Metric.RISK_GRADE:
            pattern = _("%(figure)s (under %(minimum)s is asked)")
        elif measure.metric == Metric.CREDIT_GRADE:
            pattern = _("%(figure)s (%(minimum)s or better is asked)")
        elif measure.selection and value.reaches(minimum):
            pattern = _("%(figure)s (only %(selection)s; %(minimum)s or more are asked)")
        elif measure.selection:
            pattern = _("only %(figure)s (only %(selection)s; %(minimum)s or more are asked)")
        elif value.reaches(minimum):
            pattern = _("%(figure)s (%(minimum)s or more are asked)")
        else:
            pattern = _("only %(figure)s (%(minimum)s or more are asked)")
        return pattern % {
            "figure": self.figure(measure, value),
            "minimum": self.shown(measure, minimum),
            "selection": _selection(measure),
        }

    def missing(self, condition: Condition, gap: int, *, minimum: int | None = None) -> str:
        """Return what is missing, such as “¥72,000.00 more in average daily assets”; of a grade the `minimum`, to enter if not told."""
        measure = Measure.of(condition)
        if condition.metric in GRADES:
            return self.asked(condition, condition.enter_minimum if minimum is None else minimum)
        patterns = {
            Metric.GROWTH_POINTS: ngettext("%(gap)s more growth point", "%(gap)s more growth points", gap),
            Metric.AVERAGE_ASSETS: _("%(gap)s more in average daily assets"),
            Metric.TRANSACTION_COUNT: ngettext("%(gap)s more transaction", "%(gap)s more transactions", gap),
            Metric.TRANSACTION_AMOUNT: _("%(gap)s more in transactions"),
            Metric.PRODUCTS_HELD: ngettext("%(gap)s more product", "%(gap)s more products", gap),
            Metric.TENURE: ngettext("%(gap)s more month of membership", "%(gap)s more months of membership", gap),
        }
        patterns[Metric.CUMULATIVE_CONTRIBUTION] = patterns[Metric.GROWTH_POINTS]
        return _narrowed(measure, _filled(patterns[measure.metric], gap=self.shown(measure, gap)))


def label(measure: Measure) -> str:
    """Return what is measured, such as “average daily assets in the last 90 days (only wealth)”."""
    name = _filled(_("%(measure)s %(window)s"), measure=str(measure.metric.label), window=_window(measure))
    return _narrowed(measure, name)


def _narrowed(measure: Measure, phrase: str) -> str:
    """Add what the measure is narrowed to, where it is."""
    if not measure.selection:
        return phrase
    return _("%(phrase)s (only %(selection)s)") % {"phrase": phrase, "selection": _selection(measure)}


def _selection(measure: Measure) -> str:
    return both(worded_each(measure.selection)) if measure.selection else ""


def _window(measure: Measure) -> str:
    if measure.window == Condition.Window.YEAR:
        return _("since 1 January")
    if measure.window == Condition.Window.MEMBERSHIP_YEAR:
        return _("since the last anniversary of joining")
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
