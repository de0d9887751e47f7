"""Telling a member in words what each of his entries was: a title and, in few signs, the reason."""

import dataclasses
import datetime
from collections.abc import Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns import explaining
from points.models import Entry, Kind, Lot, Redemption

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

# The cause of an expiry names the credit whose points it takes.
LOT = "lot/"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told:
    """An entry in words: the rule that gave it, or what else it was; `reason` is None where no rule did.

    `usable_from` is set while its points are pending, `origin` where it took what one earlier entry had left, `redemption` where
    points were used for something, or came back from it.
    """

    title: str
    reason: explaining.Reason | None
    usable_from: datetime.date | None
    origin: Entry | None
    redemption: Redemption | None

    @property
    def note(self) -> str:
        """Return in few words what gave the points, or what they were used for."""
        if self.reason:
            return self.reason.working
        return self.redemption.purpose_in_words if self.redemption else ""


def tell(entries: Sequence[Entry], *, today: datetime.date, has_pending: bool = True) -> None:
    """Give each entry of one purse its words, as `entry.told`, in six queries for all of them.

    Lots are looked through for what is pending only where the purse has any (`has_pending`).
    """
    if not entries:
        return
    purse = {"member_id": entries[0].member_id, "currency_id": entries[0].currency_id}
    usable = _usable_from([entry.number for entry in entries], purse, today) if has_pending else {}
    lots = {entry.number: int(entry.cause.removeprefix(LOT)) for entry in entries if entry.kind == Kind.EXPIRE}
    credits = Entry.objects.filter(**purse, number__in=lots.values()) if lots else ()
    origins = {origin.number: origin for origin in credits}
    redemptions = Redemption.objects.behind(entries)
    for entry, reason in zip(entries, explaining.why_each(entries), strict=True):
        entry.told = Told(
            title=reason.rule if reason else str(TITLES[entry.kind]),
            reason=reason,
            usable_from=usable.get(entry.number),
            origin=origins.get(lots.get(entry.number)),
            redemption=redemptions.get(entry.number),
        )


def _usable_from(numbers: list[int], purse: dict[str, int], today: datetime.date) -> dict[int, datetime.date]:
    """Return the first usable day of those credits whose points are pending on `today`, by entry number."""
    waiting = Lot.objects.filter(**purse, number__in=numbers, available_on__gt=today, remaining__gt=0)
    return dict(waiting.values_list("number", "available_on"))
