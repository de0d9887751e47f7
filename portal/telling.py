"""Telling a member in words what each of his entries was: a title and, in few signs, the reason."""

import dataclasses
import datetime
from collections.abc import Iterable, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns import explaining
from points.models import Entry, Kind, Lot, Redemption
from tiers.models import Tier

TITLES: dict[int, str | Promise] = {
    Kind.EARN: _("Points earned"),
    Kind.BONUS: _("Bonus points"),
    Kind.REDEEM: _("Points redeemed"),
    Kind.EXPIRE: _("Points lapsed"),
    Kind.CLAWBACK: _("Points taken back"),
    Kind.RESTORE: _("Points given back"),
    Kind.ADJUST: _("Correction by the bank"),
}

# The cause of an expiry names the credit whose points it takes.
LOT = "lot/"
# The cause of a write-off names the clawback that could not take what was spent.
WRITE_OFF = "write-off/"
# What a member brought along names the import that it came by.
BROUGHT = "import/"


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


def tell(
    entries: Sequence[Entry],
    *,
    today: datetime.date,
    has_pending: bool = True,
    tiers: Iterable[Tier] | None = None,
    money: str = "",
) -> None:
    """Give each entry of one purse its words, as `entry.told`, in six queries for all of them.

    Lots are looked through for what is pending only where the purse has any (`has_pending`); tiers and the bank's currency
    are asked for only where they are not given.
    """
    if not entries:
        return
    purse = {"member_id": entries[0].member_id, "currency_id": entries[0].currency_id}
    usable = _usable_from([entry.number for entry in entries], purse, today) if has_pending else {}
    reasons = explaining.why_each(entries, tiers=tiers, money=money)
    lots = {entry.number: int(entry.cause.removeprefix(LOT)) for entry in entries if entry.kind == Kind.EXPIRE}
    lots |= {
        entry.number: reason.takes_back
        for entry, reason in zip(entries, reasons, strict=True)
        if reason and reason.takes_back
    }
    credits = Entry.objects.filter(**purse, number__in=lots.values()) if lots else ()
    origins = {origin.number: origin for origin in credits}
    redemptions = Redemption.objects.behind(entries)
    for entry, reason in zip(entries, reasons, strict=True):
        entry.told = Told(
            title=str(_title(entry, reason)),
            reason=reason,
            usable_from=usable.get(entry.number),
            origin=origins.get(lots.get(entry.number)),
            redemption=redemptions.get(entry.number),
        )


def _title(entry: Entry, reason: explaining.Reason | None) -> str | Promise:
    """Return the name of the rule that gave the points; else what it was, a transfer by its direction, a redemption by whose it is."""
    if reason and not reason.takes_back:
        return reason.rule
    if entry.cause.startswith(WRITE_OFF):
        return _("Written off by the bank")
    if entry.cause.startswith(("merge/", "unmerge/")):
        return _("To your other membership") if entry.points < 0 else _("From your other membership")
    if entry.cause.startswith(BROUGHT):
        return _("Points brought along") if entry.points > 0 else _("Points brought along, corrected")
    if entry.kind == Kind.TRANSFER and "/returned/" in entry.cause:
        return _("Points returned")
    if entry.kind == Kind.TRANSFER:
        return _("Points given") if entry.points < 0 else _("Points received")
    if entry.kind == Kind.REDEEM and entry.figures and "for_member" in entry.figures:
        return _("Points spent by your family")
    return TITLES[entry.kind]


def _usable_from(numbers: list[int], purse: dict[str, int], today: datetime.date) -> dict[int, datetime.date]:
    """Return the first usable day of those credits whose points are pending on `today`, by entry number."""
    waiting = Lot.objects.filter(**purse, number__in=numbers, available_on__gt=today, remaining__gt=0)
    return dict(waiting.values_list("number", "available_on"))
