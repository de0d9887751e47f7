"""A rule version in plain sentences, made from the rule itself, so that no text can drift from what is calculated."""

from collections.abc import Iterable
from decimal import ROUND_DOWN, Decimal, localcontext

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import EarningRuleVersion
from foundation.jobs.models import Bank
from foundation.money import money, number
from foundation.naming import worded_each
from foundation.translating import translated
from points import expiring
from points.models import PointCurrency

EXAMPLE_MINOR = 240_00


def describe(version: EarningRuleVersion) -> list[str]:
    """Return what an earning rule version says, a sentence a thought, in the reader's language."""
    currency = Bank.objects.get().currency
    return [
        *_taken(version, currency),
        *_given(version, currency),
        *_multiplied(version),
        *_limited(version),
        _("In force from %(day)s.") % {"day": date_format(version.in_force_from)},
    ]


def example_of(version: EarningRuleVersion, *, amount_minor: int, multiplier: Decimal = Decimal(1)) -> dict[str, int]:
    """Return the points, by currency code, that an amount earns as the first activity of its day and month.

    The tier's `multiplier` counts where the rule says so. The twin of evaluate.sql: exact decimals, rounded down once, then the caps.
    """
    caps = (version.cap_per_activity, version.cap_per_day, version.cap_per_month, 10**12)
    cap = Decimal(min(cap for cap in caps if cap))
    units = Decimal(amount_minor) / 100 if version.per == EarningRuleVersion.Per.AMOUNT else Decimal(1)
    with localcontext(prec=60):  # wide enough for every product of an amount, a rate and a multiplier
        return {
            currency.code: int(
                min((rate * units * (multiplier if multiplied else 1)).to_integral_value(ROUND_DOWN), cap)
            )
            for currency, rate, multiplied in _currencies(version)
        }


def _currencies(version: EarningRuleVersion) -> list[tuple[PointCurrency, Decimal, bool]]:
    """Return each currency that the rule gives, its rate, and whether the tier multiplies it."""
    both = (
        (version.reward_currency, version.reward_rate, version.multiplies_reward),
        (version.growth_currency, version.growth_rate, version.multiplies_growth),
    )
    return [(currency, Decimal(rate), multiplied) for currency, rate, multiplied in both if currency]


def _taken(version: EarningRuleVersion, currency: str) -> list[str]:
    """Say which activities the rule takes."""
    sentences = {
        "kinds_in": _("Only activities of these kinds count: %(words)s."),
        "kinds_out": _("Activities of these kinds do not count: %(words)s."),
        "purposes_in": _("Only these purposes count: %(words)s."),
        "purposes_out": _("These purposes do not count: %(words)s."),
        "products_in": _("Only these products count: %(words)s."),
        "products_out": _("These products do not count: %(words)s."),
        "channels_in": _("Only these channels count: %(words)s."),
        "channels_out": _("These channels do not count: %(words)s."),
        "merchant_categories_in": _("Only these merchant categories count: %(words)s."),
        "merchant_categories_out": _("These merchant categories do not count: %(words)s."),
    }
    directions = {"debit": _("Only debits count."), "credit": _("Only credits count.")}
    taken = [directions[version.direction]] if version.direction else []
    for field, sentence in sentences.items():
        if words := getattr(version, field):
            taken.append(sentence % {"words": _join(worded_each(words))})
    if least := version.minimum_amount_minor:
        taken.append(_("Only amounts of %(amount)s or more count.") % {"amount": money(least, currency=currency)})
    return taken or [_("Every activity counts.")]


def _given(version: EarningRuleVersion, currency: str) -> list[str]:
    """Say what a unit earns and, where that is money, give an example."""
    given = _join(f"{number(_trimmed(rate))} {translated(of.names)}" for of, rate, _multiplied in _currencies(version))
    if version.per == EarningRuleVersion.Per.ACTIVITY:
        return [_("Each activity earns %(points)s.") % {"points": given}]
    amount_minor = max(EXAMPLE_MINOR, version.minimum_amount_minor)
    points = example_of(version, amount_minor=amount_minor)
    earned = _join(
        f"{number(points[of.code])} {translated(of.names)}" for of, _rate, _multiplied in _currencies(version)
    )
    return [
        _("Each %(unit)s of an activity earns %(points)s; the whole is rounded down.")
        % {"unit": money(100, currency=currency), "points": given},
        _("For example, %(amount)s earns %(points)s before any multiplier.")
        % {"amount": money(amount_minor, currency=currency), "points": earned},
    ]


def _multiplied(version: EarningRuleVersion) -> list[str]:
    """Say what the tier multiplies, and by which programmes."""
    multiplied = _join(translated(of.names) for of, _rate, is_multiplied in _currencies(version) if is_multiplied)
    if not multiplied:
        return [_("The tier does not matter.")]
    programmes = [translated(programme.names) for programme in version.programmes.order_by("id")]
    if not programmes:
        return [_("The tier in the main programme multiplies %(points)s.") % {"points": multiplied}]
    if len(programmes) == 1:
        sentence = _("The tier in %(programme)s multiplies %(points)s.")
        return [sentence % {"programme": programmes[0], "points": multiplied}]
    sentence = _("The tier multiplies %(points)s: the best of %(programmes)s counts.")
    return [sentence % {"points": multiplied, "programmes": _join(programmes)}]


def _limited(version: EarningRuleVersion) -> list[str]:
    """Say how much the rule gives at most, what it gives for the first time, from when points can be used, and until when."""
    limits = []
    if cap := version.cap_per_activity:
        limits.append(_("One activity earns at most %(cap)s points of a kind.") % {"cap": number(cap)})
    if cap := version.cap_per_day:
        sentence = _(
            "On one day a member earns at most %(cap)s points of a kind; who would earn %(more)s is given %(cap)s."
        )
        limits.append(sentence % {"cap": number(cap), "more": number(cap + cap // 2 + 1)})
    if cap := version.cap_per_month:
        sentence = _(
            "In one month a member earns at most %(cap)s points of a kind; who would earn %(more)s is given %(cap)s."
        )
        limits.append(sentence % {"cap": number(cap), "more": number(cap + cap // 2 + 1)})
    if version.reward_currency and (bonus := version.first_time_bonus):
        sentence = _(
            "The first activity of a member that this rule takes earns %(points)s more, once, beside all limits."
        )
        limits.append(sentence % {"points": f"{number(bonus)} {translated(version.reward_currency.names)}"})
    if version.reward_currency and (days := version.pending_days):
        sentence = ngettext(
            "The points can be used from the day after the activity.",
            "The points can be used from %(days)s days after the activity.",
            days,
        )
        limits.append(sentence % {"days": number(days)})
    if version.reward_currency:
        limits += expiring.describe(version.reward_currency)
    return limits


def _trimmed(rate: Decimal) -> Decimal:
    """Return a rate without trailing zeros, and without the exponent that normalize gives to hundreds."""
    return Decimal(f"{rate.normalize():f}")


def _join(words: Iterable[str]) -> str:
    # Translators: what stands between the members of a list.
    return _(", ").join(words)
