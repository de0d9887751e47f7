"""The ledger's nouns. Purse, Entry, Lot and Allocation are hot tables (ledger.md §2, §6): read here, written only by
the database function `points_post` and its siblings; `runtime` may only SELECT them."""

import uuid
from collections.abc import Iterable
from typing import Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from foundation.translating import translated
from members.models import Member


class PointCurrency(models.Model):
    """A kind of points: `reward` is spendable and lives in lots, `growth` counts for tiers and has neither lots nor expiry."""

    class Kind(models.TextChoices):
        REWARD = "reward", _("reward points")
        GROWTH = "growth", _("growth points")

    class Shortfall(models.TextChoices):
        """What becomes of points that a clawback can't take, since they are spent."""

        OWE = "owe", _("is owed")
        WRITE_OFF = "write_off", _("is written off")
        REFUSE = "refuse", _("is refused")

    id = models.SmallAutoField(primary_key=True)
    code = models.CharField(_("code"), max_length=20, unique=True)
    kind = models.CharField(_("kind"), max_length=6, choices=Kind)
    names = models.JSONField(_("names"))
    expiry_months = models.PositiveSmallIntegerField(
        _("expiry in months"),
        null=True,
        blank=True,
        help_text=_("Last day of the month this many months on; empty: never."),
    )
    worth_minor = models.DecimalField(
        _("worth of a point"),
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=_("In minor units of money."),
    )

    shortfall = models.CharField(
        _("what a clawback can't take"),
        max_length=9,
        choices=Shortfall,
        default=Shortfall.OWE,
        db_default=Shortfall.OWE,
    )

    class Meta:
        verbose_name = _("point currency")
        verbose_name_plural = _("point currencies")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="reward") | Q(expiry_months__isnull=True), name="growth_points_never_expire"
            ),
            models.CheckConstraint(condition=Q(shortfall__in=["owe", "write_off", "refuse"]), name="shortfall_known"),
        ]

    def __str__(self) -> str:
        return translated(self.names)


class Kind(models.IntegerChoices):
    """What moved an entry's points."""

    EARN = 1, _("earn")
    BONUS = 2, _("bonus")
    REDEEM = 3, _("redeem")
    EXPIRE = 4, _("expire")
    CLAWBACK = 5, _("clawback")
    RESTORE = 6, _("restore")
    ADJUST = 7, _("adjust")
    TRANSFER = 8, _("transfer")


class Purse(models.Model):
    """One member's points in one currency; available + pending + held − owed = credited − debited − expired = Σ entries."""

    pk = models.CompositePrimaryKey("member_id", "currency_id")
    member_id = models.BigIntegerField(_("member"))
    currency_id = models.SmallIntegerField(_("point currency"))
    available = models.BigIntegerField(_("available"), db_default=0)
    pending = models.BigIntegerField(_("pending"), db_default=0)
    held = models.BigIntegerField(_("held"), db_default=0)
    owed = models.BigIntegerField(_("owed"), db_default=0)
    credited = models.BigIntegerField(_("credited"), db_default=0)
    debited = models.BigIntegerField(_("debited"), db_default=0)
    expired = models.BigIntegerField(_("expired"), db_default=0)
    entries = models.IntegerField(_("entries"), db_default=0)
    frozen = models.BooleanField(_("frozen"), db_default=False)
    last_booked_on = models.DateField(_("last booked on"), null=True)

    class Meta:
        verbose_name = _("purse")
        verbose_name_plural = _("purses")
        constraints = [
            models.CheckConstraint(condition=Q(available__gte=0), name="purse_available_not_negative"),
            models.CheckConstraint(condition=Q(pending__gte=0), name="purse_pending_not_negative"),
            models.CheckConstraint(condition=Q(held__gte=0), name="purse_held_not_negative"),
            models.CheckConstraint(condition=Q(owed__gte=0), name="purse_owed_not_negative"),
            models.CheckConstraint(condition=Q(available=0) | Q(owed=0), name="purse_spendable_or_owing"),
            models.CheckConstraint(
                condition=Q(
                    credited=F("available") + F("pending") + F("held") - F("owed") + F("debited") + F("expired")
                ),
                name="purse_sums_tie",
            ),
        ]


class Entry(models.Model):
    """An immutable signed movement of a purse; `number` is dense from 1 in its purse, `balance_after` runs with it."""

    pk = models.CompositePrimaryKey("member_id", "currency_id", "number")
    member_id = models.BigIntegerField(_("member"))
    currency_id = models.SmallIntegerField(_("point currency"))
    number = models.IntegerField(_("number"))
    kind = models.SmallIntegerField(_("kind"), choices=Kind)
    points = models.BigIntegerField(_("points"))
    balance_after = models.BigIntegerField(_("balance after"))
    event_key = models.UUIDField(_("event key"))
    occurred_on = models.DateField(_("occurred on"))
    booked_on = models.DateField(_("booked on"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())
    cause = models.CharField(_("cause"), max_length=140)
    rule_version_id = models.IntegerField(_("rule version"), null=True)
    figures = models.JSONField(_("figures"), null=True)

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        constraints = [
            models.UniqueConstraint(fields=["member_id", "currency_id", "event_key"], name="entry_once_per_event_key"),
            models.CheckConstraint(
                condition=~Q(points=0) & Q(points__range=(-(10**12), 10**12)), name="entry_points_in_range"
            ),
            models.CheckConstraint(condition=Q(kind__range=(1, 8)), name="entry_kind_known"),
            models.CheckConstraint(
                condition=Q(booked_on__gte=F("occurred_on")), name="entry_booked_when_it_happened_or_later"
            ),
        ]
        indexes = [BrinIndex(fields=["booked_on"], name="entry_booked", pages_per_range=16)]


class Lot(models.Model):
    """One credit's points, used first to expire first; points = remaining + held + expired + Σ allocations.

    `number` is the credit's entry number. Partitioned by month of `expires_on` (the last usable day; 9999-12-31 is never),
    so the table is made by the migration's own SQL. No index may mention `remaining`.
    """

    pk = models.CompositePrimaryKey("member_id", "currency_id", "expires_on", "number")
    member_id = models.BigIntegerField(_("member"))
    currency_id = models.SmallIntegerField(_("point currency"))
    expires_on = models.DateField(_("expires on"))
    number = models.IntegerField(_("number"))
    points = models.BigIntegerField(_("points"))
    remaining = models.BigIntegerField(_("remaining"))
    held = models.BigIntegerField(_("held"), db_default=0)
    expired = models.BigIntegerField(_("expired"), db_default=0)
    available_on = models.DateField(_("available on"))

    class Meta:
        managed = False
        db_table = "points_lot"
        verbose_name = _("lot")
        verbose_name_plural = _("lots")


class Allocation(models.Model):
    """How much of a lot a debit used; where debit and lot carry one number, the credit paid what the purse owed."""

    pk = models.CompositePrimaryKey("member_id", "currency_id", "debit_number", "lot_expires_on", "lot_number")
    member_id = models.BigIntegerField(_("member"))
    currency_id = models.SmallIntegerField(_("point currency"))
    debit_number = models.IntegerField(_("debit"))
    lot_expires_on = models.DateField(_("lot expires on"))
    lot_number = models.IntegerField(_("lot"))
    points = models.BigIntegerField(_("points"))

    class Meta:
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        constraints = [models.CheckConstraint(condition=Q(points__gt=0), name="allocation_takes_something")]


class SealedRange(models.Model):
    """The digest of what one range of members was booked on a business date; the ranges of a date leave no member out."""

    pk = models.CompositePrimaryKey("business_date", "first_member")
    business_date = models.DateField(_("business date"))
    first_member = models.BigIntegerField(_("first member"))
    last_member = models.BigIntegerField(_("last member"))
    entries = models.BigIntegerField(_("entries"))
    points = models.JSONField(_("points"), help_text=_("The sum of each point currency, by its id."))
    digest = models.CharField(_("digest"), max_length=64)

    class Meta:
        verbose_name = _("sealed range")
        verbose_name_plural = _("sealed ranges")
        constraints = [
            models.CheckConstraint(condition=Q(last_member__gte=F("first_member")), name="sealed_range_in_order"),
        ]


class Seal(models.Model):
    """The signed digest of everything booked on a business date and of the seal before it (docs/seal.md); written once."""

    business_date = models.DateField(_("business date"), primary_key=True)
    previous = models.CharField(_("digest of the seal before it"), max_length=64, blank=True)
    entries = models.BigIntegerField(_("entries"))
    points = models.JSONField(_("points"), help_text=_("The sum of each point currency, by its id."))
    digest = models.CharField(_("digest"), max_length=64)
    key_id = models.CharField(_("key"), max_length=16)
    signature = models.CharField(_("signature"), max_length=128)

    class Meta:
        verbose_name = _("seal")
        verbose_name_plural = _("seals")
        constraints = [
            models.CheckConstraint(condition=Q(entries__gte=0), name="seal_entries_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.business_date:%Y-%m-%d}"


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

    def under(self, *, member_ids: Iterable[int], references: Iterable[str]) -> Self:
        """Keep what these members redeemed under these references, whoever called."""
        return self.filter(member_id__in=set(member_ids), reference__in=set(references))

    def behind(self, entries: Iterable[Entry]) -> "dict[int, Redemption]":
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
    PURPOSES, or a partner's own words.
    """

    class State(models.TextChoices):
        DONE = "done", _("redeemed")
        CANCELLED = "cancelled", _("cancelled")

    id = models.UUIDField(primary_key=True, editable=False)
    # Without indexes of their own: the keys below begin with the member, and nobody asks by currency alone.
    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("member")
    )
    currency = models.ForeignKey(
        PointCurrency, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("point currency")
    )
    points = models.BigIntegerField(_("points"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.DONE)
    caller = models.CharField(_("caller"), max_length=40)
    reference = models.CharField(_("reference"), max_length=100)
    purpose = models.CharField(_("purpose"), max_length=80)
    entry_number = models.IntegerField(_("entry"))
    redeemed_at = models.DateTimeField(_("redeemed at"))
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True)

    objects = RedemptionQuerySet.as_manager()

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "currency", "caller", "reference"], name="redemption_once_per_reference"
            ),
            models.UniqueConstraint(fields=["member", "currency", "entry_number"], name="redemption_has_its_own_entry"),
            models.CheckConstraint(condition=Q(points__range=(1, 10**12)), name="redemption_points_in_range"),
            models.CheckConstraint(condition=Q(state__in=["done", "cancelled"]), name="redemption_state_known"),
            models.CheckConstraint(
                condition=Q(state="cancelled", cancelled_at__isnull=False)
                | (~Q(state="cancelled") & Q(cancelled_at__isnull=True)),
                name="redemption_cancelled_has_its_instant",
            ),
        ]
        indexes = [
            models.Index(fields=["member", "-id"], name="redemption_by_member"),
            models.Index(fields=["caller", "-id"], name="redemption_by_caller"),
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
