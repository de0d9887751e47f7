"""The ledger's nouns. Purse, Entry, Lot and Allocation are hot tables (ledger.md §2, §6): read here, written only by
the database function `points_post` and its siblings; `runtime` may only SELECT them."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from foundation.translating import translated
from points.redemptions import PURPOSES, Redemption, redemption_of  # noqa: F401  (a model is known by its app's models)


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


class Hold(models.Model):
    """Points set aside for a redemption that waits for a partner, once per purse and `key`; written by the ledger's functions only.

    Held points are in nobody's hands: not spendable, not expiring. A hold ends captured (by the entry `entry_number`), released, or
    lapsed once `lapses_at` is over.
    """

    class State(models.TextChoices):
        HELD = "held", _("held")
        CAPTURED = "captured", _("captured")
        RELEASED = "released", _("released")
        LAPSED = "lapsed", _("lapsed")

    pk = models.CompositePrimaryKey("member_id", "currency_id", "key")
    member_id = models.BigIntegerField(_("member"))
    currency_id = models.SmallIntegerField(_("point currency"))
    key = models.UUIDField(_("key"))
    points = models.BigIntegerField(_("points"))
    held_on = models.DateField(_("held on"))
    lapses_at = models.DateTimeField(_("lapses at"))
    cause = models.CharField(_("cause"), max_length=140)
    state = models.CharField(_("state"), max_length=8, choices=State)
    ended_on = models.DateField(_("ended on"), null=True)
    entry_number = models.IntegerField(_("entry"), null=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.CheckConstraint(condition=Q(points__range=(1, 10**12)), name="hold_points_in_range"),
            models.CheckConstraint(
                condition=Q(state="held", ended_on__isnull=True)
                | Q(state="captured", ended_on__isnull=False, entry_number__isnull=False)
                | Q(state__in=["released", "lapsed"], ended_on__isnull=False),
                name="hold_ended_as_its_state_says",
            ),
        ]
        indexes = [models.Index(fields=["lapses_at"], condition=Q(state="held"), name="hold_due")]


class HoldPart(models.Model):
    """How much of which lot a hold has set aside."""

    pk = models.CompositePrimaryKey("member_id", "currency_id", "hold_key", "lot_expires_on", "lot_number")
    member_id = models.BigIntegerField(_("member"))
    currency_id = models.SmallIntegerField(_("point currency"))
    hold_key = models.UUIDField(_("hold"))
    lot_expires_on = models.DateField(_("lot expires on"))
    lot_number = models.IntegerField(_("lot"))
    points = models.BigIntegerField(_("points"))

    class Meta:
        verbose_name = _("part of a hold")
        verbose_name_plural = _("parts of holds")
        constraints = [models.CheckConstraint(condition=Q(points__gt=0), name="hold_part_takes_something")]


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
