"""Until when points can be used: the expiry policy of a point currency, asked for one credit, and in words.

The rule itself is the database function `points_expires_on`, which set-based callers put into their statements.
"""

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from django.db import connection
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from foundation.money import number
from points.models import PointCurrency

Expiry = PointCurrency.Expiry
# Tiers lie above points; their app says here how to ask for a member's tier on an evening and for the tiers' names by their codes,
# both of the main programme.
TierOn = Callable[[int, datetime.date], str | None]
TierNames = Callable[[], Mapping[str, str]]
_tiers: dict[str, Any] = {"on": lambda member_id, day: None, "names": dict}


def register(*, tier_on: TierOn, tier_names: TierNames) -> None:
    """Say how a member's tier on an evening and the names of the tiers are found."""
    _tiers.update(on=tier_on, names=tier_names)


def expires_on(*, currency: PointCurrency, member_id: int, occurred_on: datetime.date) -> datetime.date:
    """Return the last usable day of a credit that a member is given on `occurred_on`; ledger.NEVER where there is none."""
    evening_before = occurred_on - datetime.timedelta(days=1)
    tier = _tiers["on"](member_id, evening_before) if currency.expiry_policy == Expiry.BY_TIER else None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT points_expires_on(c.*, %s, %s) FROM points_pointcurrency c WHERE c.id = %s",
            [tier, occurred_on, currency.pk],
        )
        [[day]] = cursor.fetchall()
    return day


def describe(currency: PointCurrency) -> list[str]:
    """Return what the currency's expiry policy says, with an example; nothing of growth points."""
    if currency.kind == PointCurrency.Kind.GROWTH:
        return []
    return {
        Expiry.NEVER: _never,
        Expiry.MONTHS: _months,
        Expiry.YEAR_END: _year_end,
        Expiry.BY_TIER: _by_tier,
        Expiry.INACTIVITY: _inactivity,
    }[Expiry(currency.expiry_policy)](currency)


def _never(currency: PointCurrency) -> list[str]:
    return [_("Unused points never lapse.")]


def _months(currency: PointCurrency) -> list[str]:
    months = currency.expiry_months or 0
    sentence = ngettext(
        "Unused points lapse at the end of the month after the activity.",
        "Unused points lapse at the end of the month %(months)s months after the activity.",
        months,
    )
    return [sentence % {"months": number(months)}]


def _year_end(currency: PointCurrency) -> list[str]:
    years = currency.expiry_years or 0
    if years == 0:
        return [_("Unused points lapse at the end of the year of the activity.")]
    sentence = ngettext(
        "Unused points lapse at the end of the year after the activity.",
        "Unused points lapse at the end of the year %(years)s years after the activity.",
        years,
    )
    return [sentence % {"years": number(years)}]


def _by_tier(currency: PointCurrency) -> list[str]:
    names = _tiers["names"]()
    months_by_tier = currency.expiry_by_tier or {}
    each = [
        _("%(tier)s: never") % {"tier": names.get(code, code)}
        if months_by_tier[code] is None
        else ngettext("%(tier)s: %(months)s month", "%(tier)s: %(months)s months", months_by_tier[code])
        % {"tier": names.get(code, code), "months": number(months_by_tier[code])}
        for code in sorted(months_by_tier, key=[*names, *months_by_tier].index)
    ]
    return [
        _("Unused points lapse at the end of a month; the tier at earning decides how many months after the activity."),
        # Translators: what stands between the members of a list.
        _("%(terms)s.") % {"terms": _(", ").join(each)},
    ]


def _inactivity(currency: PointCurrency) -> list[str]:
    months = currency.expiry_months or 0
    sentence = ngettext(
        "Unused points lapse after a month without any activity of the member.",
        "Unused points lapse after %(months)s months without any activity of the member.",
        months,
    )
    said = [sentence % {"months": number(months)}]
    if currency.inactivity_from:
        said.append(_("That is so for points earned from %(day)s on.") % {"day": date_format(currency.inactivity_from)})
    return said
