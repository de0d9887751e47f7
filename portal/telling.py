"""Telling a member in words what each of his entries was: a title and, in few signs, the reason."""

import dataclasses
from collections.abc import Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns import explaining
from points.models import Entry, Kind

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
    """An entry in words: the rule that gave it, or what else it was; `reason` is None where no rule did."""

    title: str
    reason: explaining.Reason | None


def tell(entries: Sequence[Entry]) -> None:
    """Give each entry its words, as `entry.told`, in three queries for all of them."""
    for entry, reason in zip(entries, explaining.why_each(entries), strict=True):
        entry.told = Told(title=reason.rule if reason else str(TITLES[entry.kind]), reason=reason)
