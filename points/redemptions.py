"""The redemption: what a member used points for, as the callers know it; the ledger's own nouns stand in models.py."""

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from members.models import Member

if TYPE_CHECKING:
    from points.models import Entry

# What the bank itself gives for points.
PURPOSES = {
    "cash_offset": pgettext_lazy("purpose", "Cash offset"),
    "gift": pgettext_lazy("purpose", "Gift at the counter"),
    "fee": pgettext_lazy("purpose", "Fee of the bank"),
}


class RedemptionQuerySet(models.QuerySet["Redemption"]):
    def made_by(self, caller: str) -> Self:
        """Keep what one caller asked for: `client 3`, `member` himself, or `staff` at a counter."""
        return self.filter(caller=caller)

    def redeemed_by(self, number: str) -> Self:
        """Keep what the member of that number redeemed himself or had redeemed for him, whoever's points paid."""
        return self.filter(Q(for_member__number=number) | Q(for_member=None, member__number=number))

    def seen_by(self, member: Member) -> Self:
        """Keep what a member may read of: what he redeemed, and what his family redeemed of his points."""
        return self.filter(Q(member=member) | Q(for_member=member))

    def under(self, *, member_ids: Iterable[int], references: Iterable[str]) -> Self:
        """Keep what these members redeemed under these references, whoever called."""
        return self.filter(member_id__in=set(member_ids), reference__in=set(references))

    def behind(self, entries: "Iterable[Entry]") -> "dict[int, Redemption]":
        """Return the redemption that each of the entries took points for or gave them back from, by the entry's number."""
        named = {entry.number: redemption_of(entry.cause) for entry in entries}
        found = self.in_bulk({pk for pk in named.values() if pk}) if any(named.values()) else {}
        return {number: found[pk] for number, pk in named.items() if pk in found}

    def locked(self, ids: Iterable[uuid.UUID], *, state: str) -> "list[Redemption]":
        """Lock those of the redemptions that are in a state, in the order of their ids, and return them."""
        return list(self.filter(pk__in=set(ids), state=state).order_by("pk").select_for_update())


class Redemption(models.Model):
    """One use of points: `points` of a purse for a `purpose`, once per caller and his `reference`; its id is in order of time.

    The entry that took the points bears `entry_number` in the purse, and names the redemption as its cause. A purpose is one of
    PURPOSES, or a partner's own words. One that waits for a partner is held first, under `hold_key`, until `lapses_at` at the
    latest; released or lapsed, it has an entry only where lots had lapsed meanwhile, which came back as by a restore.
    `member` is whose points they are; `for_member` who redeemed them, where that is somebody of his family.
    """

    class State(models.TextChoices):
        HELD = "held", _("held")
        DONE = "done", _("redeemed")
        RELEASED = "released", _("released")
        LAPSED = "lapsed", _("lapsed")
        CANCELLED = "cancelled", _("cancelled")

    id = models.UUIDField(primary_key=True, editable=False)
    # Without indexes of their own: the keys below begin with the member, and nobody asks by currency alone.
    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("member")
    )
    currency = models.ForeignKey(
        "points.PointCurrency",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("point currency"),
    )
    for_member = models.ForeignKey(
        Member,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("redeemed by"),
    )
    points = models.BigIntegerField(_("points"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.DONE)
    caller = models.CharField(_("caller"), max_length=40)
    reference = models.CharField(_("reference"), max_length=100)
    purpose = models.CharField(_("purpose"), max_length=80)
    entry_number = models.IntegerField(_("entry"), null=True)
    hold_key = models.UUIDField(_("hold"), null=True)
    lapses_at = models.DateTimeField(_("lapses at"), null=True)
    redeemed_at = models.DateTimeField(_("redeemed at"))
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True)

    objects = RedemptionQuerySet.as_manager()

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "currency", "caller", "reference", "for_member"],
                nulls_distinct=False,
                name="redemption_once_per_reference",
            ),
            models.CheckConstraint(
                condition=Q(for_member__isnull=True) | ~Q(for_member=F("member")), name="redemption_for_somebody_else"
            ),
            models.UniqueConstraint(fields=["member", "currency", "entry_number"], name="redemption_has_its_own_entry"),
            models.CheckConstraint(condition=Q(points__range=(1, 10**12)), name="redemption_points_in_range"),
            models.CheckConstraint(
                condition=Q(state__in=["done", "cancelled"], entry_number__isnull=False)
                | Q(state="held", hold_key__isnull=False, entry_number__isnull=True)
                | Q(state__in=["released", "lapsed"], hold_key__isnull=False),
                name="redemption_has_what_its_state_says",
            ),
            models.CheckConstraint(
                condition=Q(hold_key__isnull=True, lapses_at__isnull=True)
                | Q(hold_key__isnull=False, lapses_at__isnull=False),
                name="redemption_held_until_an_instant",
            ),
            models.CheckConstraint(
                condition=Q(state="cancelled", cancelled_at__isnull=False)
                | (~Q(state="cancelled") & Q(cancelled_at__isnull=True)),
                name="redemption_cancelled_has_its_instant",
            ),
        ]
        indexes = [
            models.Index(fields=["member", "-id"], name="redemption_by_member"),
            models.Index(fields=["caller", "-id"], name="redemption_by_caller"),
            models.Index(
                fields=["for_member", "-id"], condition=Q(for_member__isnull=False), name="redemption_by_family_member"
            ),
            models.Index(fields=["lapses_at"], condition=Q(state="held"), name="redemption_held"),
        ]

    @property
    def purpose_in_words(self) -> str:
        """Return what the points were used for, in the reader's language where the bank has words for it."""
        return str(PURPOSES.get(self.purpose, self.purpose))

    @property
    def in_words(self) -> str:
        """Return the purpose and, where a system called, its reference, by which the partner finds the order."""
        reference = self.reference if self.caller.startswith("client ") else ""
        return " · ".join(filter(None, (self.purpose_in_words, reference)))

    @property
    def cause(self) -> str:
        """Return how the redemption is named in the ledger, where a restore adds `/lot/` and the number of the lot."""
        return f"{REDEMPTION}{self.pk}"


REDEMPTION = "redemption/"


def redemption_of(cause: str) -> uuid.UUID | None:
    """Return the id of the redemption that an entry's cause names, if it names one."""
    named = cause.removeprefix(REDEMPTION).partition("/")[0]
    try:
        return uuid.UUID(named) if cause.startswith(REDEMPTION) else None
    except ValueError:
        return None
