"""Telling a member in words what each of his entries was: a title and, in few signs, the reason."""

import dataclasses
import datetime
from collections.abc import Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns import explaining
from points.models import Entry, Kind, Lot

TITLES: dict[int, str | Promise] = {
    Kind.EARN: _("Points earned"),
    Kind.BONUS: _("Bonus points"),
    Kind.REDEEM: _("Points redeemed"),
    Kind.EXPIRE: _("Points lapsed"),
    Kind.CLAWBACK: _("Points taken back"),
    Kind.RESTORE: _("Points given back"),
    Kind.ADJUST: _("Correction by the bank"),
    Kind.TRANSFER: _("Points transferred"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told:
    """An entry in words: the rule that gave it, or what else it was; `reason` is None where no rule did.

    `usable_from` is set while its points are pending.
    """

    title: str
    reason: explaining.Reason | None
    usable_from: datetime.date | None


def tell(entries: Sequence[Entry], *, today: datetime.date) -> None:
    """Give each entry of one purse its words, as `entry.told`, in four queries for all of them."""
    purse = {"member_id": entries[0].member_id, "currency_id": entries[0].currency_id} if entries else {"pk__in": []}
    numbers = [entry.number for entry in entries]
    lots = Lot.objects.filter(**purse, number__in=numbers, available_on__gt=today, remaining__gt=0)
    pending = dict(lots.values_list("number", "available_on"))
    for entry, reason in zip(entries, explaining.why_each(entries), strict=True):
        title = reason.rule if reason else str(TITLES[entry.kind])
        entry.told = Told(title=title, reason=reason, usable_from=pending.get(entry.number))
