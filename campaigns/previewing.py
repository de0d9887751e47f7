"""Previewing: what an ordinary card payment would earn by the rules of a day; an estimate, nothing is booked."""

import datetime
from collections import Counter
from decimal import Decimal

from campaigns.describing import example_of
from campaigns.models import EarningRuleVersion

# What banks call a card payment, among the kinds of activities (foundation.naming).
CARD_PAYMENTS = frozenset({"card_spend", "card_payment"})


def earned_by_card(*, amount_minor: int, on: datetime.date, multiplier: Decimal = Decimal(1)) -> dict[str, int]:
    """Return the points, by currency code, of one card payment as the first of its month, by the rule versions in force on a date.

    A rule that asks for a purpose, product, channel or merchant of its own is left out: the payment is any. One statement.
    """
    in_force = EarningRuleVersion.objects.filter(in_force_from__lte=on).order_by("rule", "-in_force_from")
    points: Counter[str] = Counter()
    for version in in_force.distinct("rule").select_related("reward_currency", "growth_currency"):
        if _takes(version, amount_minor):
            points.update(example_of(version, amount_minor=amount_minor, multiplier=multiplier))
    return dict(points)


def _takes(version: EarningRuleVersion, amount_minor: int) -> bool:
    kinds = CARD_PAYMENTS & set(version.kinds_in) if version.kinds_in else CARD_PAYMENTS - set(version.kinds_out)
    asks_more = (version.purposes_in, version.products_in, version.channels_in, version.merchant_categories_in)
    fits = version.direction in ("", "debit") and amount_minor >= version.minimum_amount_minor
    return bool(kinds) and fits and not any(asks_more)
