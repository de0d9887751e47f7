"""What the bank reports and nobody edits: activities, reversals, balance snapshots, holdings, grade reports; and the intakes they came by.

All are hot tables (ledger.md §6): `member_id` leads every key, no foreign keys, inserted once. `booked_on` is
max(occurred_on, first open business date on arrival); the close of D takes exactly the facts booked on D.
"""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Source(models.Model):
    """A system of the bank that reports facts."""

    id = models.SmallAutoField(primary_key=True)
    code = models.CharField(_("code"), max_length=40, unique=True)

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        constraints = [
            # An entry's cause is activity/SOURCE/EXTERNAL ID: a slash in the source would let two activities have one cause.
            models.CheckConstraint(condition=~Q(code__contains="/"), name="source_code_without_slash")
        ]

    def __str__(self) -> str:
        return self.code


class Activity(models.Model):
    """Something a member did, once per (member, source, external id); `amount_minor` may be absent, as for a log-in."""

    class Direction(models.TextChoices):
        DEBIT = "debit", _("debit")
        CREDIT = "credit", _("credit")
        NONE = "", _("none")

    pk = models.CompositePrimaryKey("member_id", "source_id", "external_id")
    member_id = models.BigIntegerField(_("member"))
    source_id = models.SmallIntegerField(_("source"))
    external_id = models.CharField(_("external id"), max_length=80)
    account_id = models.BigIntegerField(_("account"), null=True)
    direction = models.CharField(_("direction"), max_length=6, choices=Direction, blank=True)
    kind = models.CharField(_("kind"), max_length=40)
    purpose = models.CharField(_("purpose"), max_length=40, blank=True)
    amount_minor = models.BigIntegerField(_("amount"), null=True)
    currency = models.CharField(_("currency"), max_length=3)
    occurred_at = models.DateTimeField(_("occurred at"))
    occurred_on = models.DateField(_("occurred on"))
    booked_on = models.DateField(_("booked on"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())
    channel = models.CharField(_("channel"), max_length=40, blank=True)
    merchant_category = models.CharField(_("merchant category"), max_length=40, blank=True)
    product = models.CharField(_("product"), max_length=40, blank=True)
    branch = models.CharField(_("branch"), max_length=20, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict)
    earned_at_once = models.BooleanField(
        _("earned at once"), default=False, help_text=_("Taken on line; the night does not earn on it again.")
    )

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activities")
        constraints = [
            models.CheckConstraint(condition=Q(direction__in=["", "debit", "credit"]), name="activity_direction_known"),
            models.CheckConstraint(
                condition=Q(amount_minor__isnull=True) | Q(amount_minor__range=(0, 10**14)),
                name="activity_amount_in_range",
            ),
            models.CheckConstraint(
                condition=Q(booked_on__gte=models.F("occurred_on")), name="activity_booked_when_it_happened_or_later"
            ),
        ]
        indexes = [BrinIndex(fields=["booked_on"], name="activity_booked", pages_per_range=16)]


class Reversal(models.Model):
    """What takes an activity back, in part or whole; an activity and a reversal never bear one external id.

    `amount_minor` as reported: empty takes all that is left. Of the activity's `of_minor`, earlier reversals had taken
    `reversed_before_minor`, and this one takes `reversed_minor`; an activity without an amount has one unit.
    """

    pk = models.CompositePrimaryKey("member_id", "source_id", "external_id")
    member_id = models.BigIntegerField(_("member"))
    source_id = models.SmallIntegerField(_("source"))
    external_id = models.CharField(_("external id"), max_length=80)
    original_source_id = models.SmallIntegerField(_("source of the activity"))
    original_external_id = models.CharField(_("external id of the activity"), max_length=80)
    amount_minor = models.BigIntegerField(_("amount"), null=True)
    currency = models.CharField(_("currency"), max_length=3)
    occurred_at = models.DateTimeField(_("occurred at"))
    occurred_on = models.DateField(_("occurred on"))
    booked_on = models.DateField(_("booked on"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())
    of_minor = models.BigIntegerField(_("amount of the activity"))
    reversed_before_minor = models.BigIntegerField(_("reversed before"))
    reversed_minor = models.BigIntegerField(_("reversed"))

    class Meta:
        verbose_name = _("reversal")
        verbose_name_plural = _("reversals")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__isnull=True) | Q(amount_minor=models.F("reversed_minor")),
                name="reversal_takes_its_amount",
            ),
            models.CheckConstraint(
                condition=Q(reversed_before_minor__gte=0)
                & Q(reversed_minor__gt=0)
                & Q(of_minor__gte=models.F("reversed_before_minor") + models.F("reversed_minor")),
                name="reversal_within_its_activity",
            ),
            models.CheckConstraint(
                condition=Q(booked_on__gte=models.F("occurred_on")), name="reversal_booked_when_it_happened_or_later"
            ),
            # Two that did not see each other would both begin where the last one ended.
            models.UniqueConstraint(
                fields=["member_id", "original_source_id", "original_external_id", "reversed_before_minor"],
                name="reversals_of_an_activity_in_order",
            ),
        ]
        indexes = [BrinIndex(fields=["booked_on"], name="reversal_booked", pages_per_range=16)]


class ParkedReversal(models.Model):
    """A reversal whose activity has not arrived, and what became of it: recorded when it did, or refused.

    No fact yet, and no hot table: the list is short, looked at whenever activities are recorded and by every night.
    """

    class Outcome(models.TextChoices):
        PARKED = "parked", _("waiting for its activity")
        RECORDED = "recorded", _("recorded")
        OVER_REVERSED = "over_reversed", _("refused: more than the activity")
        REVERSAL_OF_REVERSAL = "reversal_of_reversal", _("refused: it names a reversal")
        NOT_HIS_ACTIVITY = "not_his_activity", _("refused: another member's activity")
        CURRENCY_DIFFERS = "currency_differs", _("refused: another currency")

    member_id = models.BigIntegerField(_("member"))
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("source")
    )
    external_id = models.CharField(_("external id"), max_length=80)
    original_source = models.ForeignKey(
        Source,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("source of the activity"),
    )
    original_external_id = models.CharField(_("external id of the activity"), max_length=80)
    amount_minor = models.BigIntegerField(_("amount"), null=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    occurred_at = models.DateTimeField(_("occurred at"))
    occurred_on = models.DateField(_("occurred on"))
    parked_at = models.DateTimeField(_("parked at"), db_default=Now())
    outcome = models.CharField(_("outcome"), max_length=20, choices=Outcome)
    settled_at = models.DateTimeField(_("settled at"), null=True)

    class Meta:
        verbose_name = _("parked reversal")
        verbose_name_plural = _("parked reversals")
        constraints = [
            models.UniqueConstraint(
                fields=["member_id", "source_id", "external_id"], name="parked_once_per_external_id"
            ),
            models.CheckConstraint(
                condition=Q(outcome="parked", settled_at__isnull=True)
                | ~Q(outcome="parked") & Q(settled_at__isnull=False),
                name="parked_until_it_is_settled",
            ),
        ]
        indexes = [
            models.Index(
                fields=["original_source", "original_external_id"],
                name="parked_by_original",
                condition=Q(outcome="parked"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.source}/{self.external_id}"


class ReportedId(models.Model):
    """Whom a source's external id was first reported for: what keeps it from being taken for another member as well.

    The facts' own keys begin with the member (ledger.md §6, rule 3), so that the bank-wide uniqueness stands here. A reversal's
    id stands here as an activity's: one id names one of the two.
    """

    class Fact(models.TextChoices):
        ACTIVITY = "activity", _("activity")
        HOLDING = "holding", _("holding")

    pk = models.CompositePrimaryKey("source_id", "fact", "external_id")
    source_id = models.SmallIntegerField(_("source"))
    fact = models.CharField(_("fact"), max_length=8, choices=Fact)
    external_id = models.CharField(_("external id"), max_length=80)
    member_id = models.BigIntegerField(_("member"))

    class Meta:
        verbose_name = _("reported id")
        verbose_name_plural = _("reported ids")


class BalanceSnapshot(models.Model):
    """The end-of-day balance of an account; a later revision of a day corrects the earlier ones, which stay."""

    pk = models.CompositePrimaryKey("member_id", "account_id", "day", "revision")
    member_id = models.BigIntegerField(_("member"))
    account_id = models.BigIntegerField(_("account"))
    day = models.DateField(_("day"))
    revision = models.SmallIntegerField(_("revision"), default=1)
    amount_minor = models.BigIntegerField(_("amount"))
    booked_on = models.DateField(_("booked on"))
    source_id = models.SmallIntegerField(_("source"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("balance snapshot")
        verbose_name_plural = _("balance snapshots")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__range=(-(10**14), 10**14)), name="snapshot_amount_in_range"
            ),
            models.CheckConstraint(
                condition=Q(booked_on__gte=models.F("day")), name="snapshot_booked_on_its_day_or_later"
            ),
        ]
        indexes = [BrinIndex(fields=["booked_on"], name="snapshot_booked", pages_per_range=16)]


class Holding(models.Model):
    """A product a member holds from `opened_on` until `closed_on` (exclusive); a later revision corrects."""

    pk = models.CompositePrimaryKey("member_id", "source_id", "external_id", "revision")
    member_id = models.BigIntegerField(_("member"))
    source_id = models.SmallIntegerField(_("source"))
    external_id = models.CharField(_("external id"), max_length=80)
    revision = models.SmallIntegerField(_("revision"), default=1)
    product = models.CharField(_("product"), max_length=40)
    opened_on = models.DateField(_("opened on"))
    closed_on = models.DateField(_("closed on"), null=True)
    booked_on = models.DateField(_("booked on"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("holding")
        verbose_name_plural = _("holdings")
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_on__isnull=True) | Q(closed_on__gte=models.F("opened_on")),
                name="holding_closes_after_it_opens",
            )
        ]
        indexes = [BrinIndex(fields=["booked_on"], name="holding_booked", pages_per_range=16)]


class GradeReport(models.Model):
    """A member's grade as reported for a day, on one of the bank's ordered scales: of credit higher is better, of risk it is riskier."""

    class Scale(models.TextChoices):
        CREDIT = "credit", _("credit grade")
        RISK = "risk", _("risk grade")

    pk = models.CompositePrimaryKey("member_id", "scale", "day", "revision")
    member_id = models.BigIntegerField(_("member"))
    scale = models.CharField(_("scale"), max_length=6, choices=Scale, default=Scale.CREDIT)
    day = models.DateField(_("day"))
    revision = models.SmallIntegerField(_("revision"), default=1)
    grade = models.SmallIntegerField(_("grade"))
    booked_on = models.DateField(_("booked on"))
    source_id = models.SmallIntegerField(_("source"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("grade report")
        verbose_name_plural = _("grade reports")
        constraints = [models.CheckConstraint(condition=Q(scale__in=["credit", "risk"]), name="grade_scale_known")]
        indexes = [BrinIndex(fields=["booked_on"], name="grade_booked", pages_per_range=16)]


class Intake(models.Model):
    """One delivery of facts, by file or API: what came, what was taken, what was refused."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="intakes", verbose_name=_("source"))
    profile = models.CharField(_("profile"), max_length=80)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    counts = models.JSONField(_("counts"), default=dict)

    class Meta:
        verbose_name = _("intake")
        verbose_name_plural = _("intakes")

    def __str__(self) -> str:
        return f"{self.profile} {self.started_at:%Y-%m-%d %H:%M}"
