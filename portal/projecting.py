"""Projecting: which tier a member would have by spending so much a month. An estimate, said to be one; nothing is decided by it."""

import dataclasses
import datetime

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns import previewing
from foundation.periods import add_months
from members.models import Member
from tiers import calendars, explaining
from tiers.compiling import Measure, Value, evaluate
from tiers.describing import Words
from tiers.explaining import Explanation, Measured
from tiers.models import Tier

DAY = datetime.timedelta(days=1)
# How far ahead reviews are looked at.
MONTHS = (1, 6, 12)
MOST_MONTHS = 24


class SpendForm(forms.Form):
    """How much a member would pay by card each month, in whole units of money."""

    spend = forms.IntegerField(
        label=_("by card each month"),
        min_value=1,
        max_value=10_000_000,
        error_messages={"invalid": _("Write a whole amount, such as 1000.")},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Projected:
    """What the review of `on` would find after `payments` monthly payments: the tier satisfied, and how far what paying adds to goes
    towards the next one (None: there is none)."""

    on: datetime.date
    payments: int
    tier: Tier
    next_tier: Tier | None
    counted: list[Measured]


def project(*, member: Member, told: Explanation, amount_minor: int, words: Words) -> list[Projected]:
    """Return what reviews of the next year would find, were one card payment of the amount made each month from now on.

    Points by the earning rules in force on the first of those reviews, no multiplier counted; what else the member has is as known
    today. Nothing where paying adds to no figure that the programme asks for. One statement, and one for each review.
    """
    dates = _dates(member, told)
    points = previewing.earned_by_card(amount_minor=amount_minor, on=dates[0])
    if not any(_of_one(measure, points=points, amount_minor=amount_minor) for measure in told.ladder.measures):
        return []
    return [_found(member, told, on, points=points, amount_minor=amount_minor, words=words) for on in dates]


def _dates(member: Member, told: Explanation) -> list[datetime.date]:
    """Return the first reviews after one, six and twelve months, and the one that may lower the present tier."""
    dates = {
        calendars.next_review(told.rule_book, add_months(told.as_of, months) - DAY, joined_on=member.joined_on)
        for months in MONTHS
    }
    if (keeps := told.dates.lowers_on) and min(dates) < keeps <= add_months(told.as_of, MOST_MONTHS):
        dates.add(keeps)
    return sorted(dates)


def _found(
    member: Member, told: Explanation, on: datetime.date, *, points: dict[str, int], amount_minor: int, words: Words
) -> Projected:
    ladder = told.ladder
    [(values, _satisfied)] = evaluate(ladder=ladder, member_id=member.pk, days=[on], present=told.tier)
    payments = []
    while (paid_on := add_months(told.as_of, len(payments) + 1)) <= on:
        payments.append(paid_on)
    for measure in ladder.measures:
        start = measure.starts_after(on)
        counted = sum(1 for paid_on in payments if start is None or paid_on > start)
        value = values[measure.key]
        added = _of_one(measure, points=points, amount_minor=amount_minor) * counted
        values[measure.key] = dataclasses.replace(value, total=value.total + added)
    place = max(place for place, tier in enumerate(ladder.tiers) if not place or _reaches(told, tier, values, words))
    next_tier = ladder.tiers[place + 1] if place + 1 < len(ladder.tiers) else None
    asked = explaining.groups(ladder, next_tier, values, words, keeps=False) if next_tier else []
    counted = [
        one
        for group in asked
        for one in group.measured
        if _of_one(one.measure, points=points, amount_minor=amount_minor)
    ]
    return Projected(on=on, payments=len(payments), tier=ladder.tiers[place], next_tier=next_tier, counted=counted)


def _reaches(told: Explanation, tier: Tier, values: dict[str, Value], words: Words) -> bool:
    keeps = tier.rank <= told.tier.rank
    return any(group.met for group in explaining.groups(told.ladder, tier, values, words, keeps=keeps))


def _of_one(measure: Measure, *, points: dict[str, int], amount_minor: int) -> int:
    """Return what one payment adds to a measure; assets, products and tenure gain nothing by paying."""
    counts = measure.quantity == "*" or bool(previewing.CARD_PAYMENTS & set(measure.quantity.split("+")))
    match f"{measure.metric}":
        case "growth_points" | "cumulative_contribution":
            return points.get(measure.quantity, 0)
        case "transaction_count":
            return 1 if counts else 0
        case "transaction_amount":
            return amount_minor if counts else 0
    return 0
