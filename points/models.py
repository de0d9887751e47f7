"""The ledger's nouns. Purse, Entry, Lot and Allocation are hot tables (ledger.md §2, §6): read here, written only by
the database function `points_post` and its siblings; `runtime` may only SELECT them."""

import uuid

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Abs, Least, Now
from django.db.models.lookups import Exact, GreaterThanOrEqual, Range
from django.utils.translation import gettext_lazy as _

from foundation.translating import translated

# A model is known by its app's models, wherever it is written down.
from points.freezes import Freeze  # noqa: F401
from points.holds import Hold, HoldPart  # noqa: F401
from points.pools import PoolGrant, PoolMonth  # noqa: F401
from points.redemptions import PURPOSES, Redemption, redemption_of  # noqa: F401


class PointCurrency(models.Model):
    """A kind of points: `reward` is spendable and lives in lots, `growth` counts for tiers and has neither lots nor expiry.

    The expiry policy says until when a credit can be used; it is asked when the credit is made (points.expiring) and fixed on its
    lot, so that a new policy never touches points already there.
    """

    class Kind(models.TextChoices):
        REWARD = "reward", _("reward points")
        GROWTH = "growth", _("growth points")

    class Shortfall(models.TextChoices):
        """What becomes of points that a clawback can't take, since they are spent."""

        OWE = "owe", _("is owed")
        WRITE_OFF = "write_off", _("is written off")
        REFUSE = "refuse", _("is refused")

    class Expiry(models.TextChoices):
        NEVER = "never", _("never")
        MONTHS = "months", _("last day of the month, so many months on")
        YEAR_END = "year_end", _("last day of the year, so many years on")
        BY_TIER = "by_tier", _("last day of the month, by the tier at earning")
        INACTIVITY = "inactivity", _("after so many months without activity")

    id = models.SmallAutoField(primary_key=True)
    code = models.CharField(_("code"), max_length=20, unique=True)
    kind = models.CharField(_("kind"), max_length=6, choices=Kind)
    names = models.JSONField(_("names"))
    expiry_policy = models.CharField(_("expiry"), max_length=10, choices=Expiry, default=Expiry.NEVER)
    expiry_months = models.PositiveSmallIntegerField(
        _("expiry in months"),
        null=True,
        blank=True,
        help_text=_("Until the last day of the month this many months on; for inactivity, months without activity."),
    )
    expiry_years = models.PositiveSmallIntegerField(
        _("expiry in years"), null=True, blank=True, help_text=_("Until 31 December this many years on.")
    )
    expiry_by_tier = models.JSONField(
        _("expiry by tier"),
        null=True,
        blank=True,
        help_text=_("Months by the code of each tier of the main programme; null: never."),
    )
    inactivity_from = models.DateField(
        _("inactivity counts from"),
        null=True,
        blank=True,
        help_text=_("Only points earned from this day on lapse by inactivity; empty: all."),
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
    transfers_per_day = models.BigIntegerField(
        _("points a member may transfer on a day"), null=True, blank=True, help_text=_("Empty: no limit.")
    )

    class Meta:
        verbose_name = _("point currency")
        verbose_name_plural = _("point currencies")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="reward") | Q(expiry_policy="never"), name="growth_points_never_expire"
            ),
            models.CheckConstraint(
                condition=Q(expiry_policy__in=["never", "months", "year_end", "by_tier", "inactivity"]),
                name="expiry_policy_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    expiry_policy__in=["months", "inactivity"],
                    expiry_months__isnull=False,
                    expiry_months__range=(1, 1200),
                )
                | (~Q(expiry_policy__in=["months", "inactivity"]) & Q(expiry_months__isnull=True)),
                name="expiry_months_where_the_policy_counts_them",
            ),
            models.CheckConstraint(
                condition=Q(expiry_policy="year_end", expiry_years__isnull=False, expiry_years__range=(0, 100))
                | (~Q(expiry_policy="year_end") & Q(expiry_years__isnull=True)),
                name="expiry_years_where_the_policy_counts_them",
            ),
            models.CheckConstraint(
                condition=Q(expiry_policy="by_tier", expiry_by_tier__isnull=False)
                | (~Q(expiry_policy="by_tier") & Q(expiry_by_tier__isnull=True)),
                name="expiry_by_tier_where_the_policy_asks_it",
            ),
            models.CheckConstraint(
                condition=Q(expiry_policy="inactivity") | Q(inactivity_from__isnull=True),
                name="inactivity_from_where_the_policy_asks_it",
            ),
            models.CheckConstraint(condition=Q(shortfall__in=["owe", "write_off", "refuse"]), name="shortfall_known"),
            models.CheckConstraint(condition=Q(transfers_per_day__gt=0), name="transfers_per_day_positive"),
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
    """One member's points in one currency; available + pending + held − owed = credited − debited − expired = Σ entries.

    Closed with its membership it keeps what had been credited, and what had been debited or was held, by then: no more comes or goes.
    """

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
    # What the membership's state keeps it from (members.states.GATES), in the word that the ledger answers; the database keeps both.
    no_earning = models.CharField(_("what keeps it from earning"), max_length=12, null=True)
    no_spending = models.CharField(_("what keeps it from spending"), max_length=12, null=True)
    last_booked_on = models.DateField(_("last booked on"), null=True)
    closed_credited = models.BigIntegerField(_("credited when it was closed"), null=True)
    closed_spent = models.BigIntegerField(_("debited or held when it was closed"), null=True)

    class Meta:
        verbose_name = _("purse")
        verbose_name_plural = _("purses")
        constraints = [
            # Few and short: each statement that writes parses them anew. One of the two is 0, and neither is below.
            models.CheckConstraint(condition=Exact(Least("available", "owed"), 0), name="purse_spendable_or_owing"),
            models.CheckConstraint(
                condition=GreaterThanOrEqual(Least("pending", "held"), 0), name="purse_pending_and_held_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(
                    credited=F("available") + F("pending") + F("held") - F("owed") + F("debited") + F("expired")
                ),
                name="purse_sums_tie",
            ),
            models.CheckConstraint(
                condition=Q(closed_credited__isnull=True, closed_spent__isnull=True)
                | Q(credited__lte=F("closed_credited"), closed_spent__gte=F("debited") + F("held")),
                name="closed_purse_takes_nothing",
            ),
        ]


# The figure on a transfer's credit that says: these points came back once already, with the giver or before (docs/redeeming.md).
CAME_BACK = "came_back"


class EntryQuerySet(models.QuerySet["Entry"]):
    def came_back(self) -> "EntryQuerySet":
        """Select credits of points that came back from a redemption once: restored, or transferred by whom they had come back to."""
        return self.filter(Q(kind=Kind.RESTORE) | Q(figures__has_key=CAME_BACK))


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

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        constraints = [
            models.UniqueConstraint(fields=["member_id", "currency_id", "event_key"], name="entry_once_per_event_key"),
            models.CheckConstraint(condition=Range(Abs("points"), (1, 10**12)), name="entry_points_in_range"),
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


class CorrectionFile(models.Model):
    """An uploaded file of corrections: its rows as text, kept for its owner until he asks for them; nothing is booked from here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=120)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("uploaded by")
    )
    uploaded_at = models.DateTimeField(_("uploaded at"))
    rows = models.JSONField(_("rows"))

    class Meta:
        verbose_name = _("file of corrections")
        verbose_name_plural = _("files of corrections")

    def __str__(self) -> str:
        return self.name
