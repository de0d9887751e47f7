"""What ran, for which business date, how far: BusinessDate, JobRun, Chunk; and the bank they belong to."""

import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Bank(models.Model):
    """The one bank of this installation; its zone is the TIME_ZONE setting."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    name = models.CharField(_("name"), max_length=80)
    currency = models.CharField(_("currency of money"), max_length=3, default="CNY")
    first_business_date = models.DateField(_("first business date"), help_text=_("Its close takes every earlier fact."))
    family_pool = models.BooleanField(
        _("families share points"), default=False, help_text=_("A head of family lets others spend his points.")
    )
    dormant_after_months = models.PositiveSmallIntegerField(
        _("dormant after months"),
        null=True,
        help_text=_("Without an act of his own a member falls asleep; empty: never."),
    )
    dormancy_ignores = ArrayField(
        models.CharField(max_length=40),
        verbose_name=_("activities that wake nobody"),
        default=list,
        help_text=_("Kinds that the bank books by itself, such as interest."),
    )

    class Meta:
        verbose_name = _("bank")
        verbose_name_plural = _("banks")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="bank_is_one"),
            models.CheckConstraint(
                condition=Q(dormant_after_months__isnull=True) | Q(dormant_after_months__range=(2, 120)),
                name="bank_dormancy_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BusinessDate(models.Model):
    """A business date of the bank: open, closing or closed; exactly one is open, the first not yet closed or closing."""

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        CLOSING = "closing", _("closing")
        CLOSED = "closed", _("closed")

    date = models.DateField(_("business date"), primary_key=True)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.OPEN)
    closing_at = models.DateTimeField(_("closing since"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("business date")
        verbose_name_plural = _("business dates")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["open", "closing", "closed"]), name="business_date_status_known"
            ),
            models.UniqueConstraint(fields=["status"], condition=Q(status="open"), name="one_business_date_open"),
            models.UniqueConstraint(fields=["status"], condition=Q(status="closing"), name="one_business_date_closing"),
        ]

    def __str__(self) -> str:
        return f"{self.date:%Y-%m-%d}"


class JobRun(models.Model):
    """One run of a job for one business date; a second ring finds this row and goes on where it stands."""

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    job = models.CharField(_("job"), max_length=40)
    business_date = models.DateField(_("business date"))
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.RUNNING)
    step = models.CharField(_("step"), max_length=20, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=1)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    counts = models.JSONField(_("counts"), default=dict, blank=True)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("job run")
        verbose_name_plural = _("job runs")
        constraints = [
            models.UniqueConstraint(fields=["job", "business_date"], name="one_run_per_job_and_business_date"),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True) | Q(finished_at__gte=F("started_at")),
                name="job_run_ends_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.business_date:%Y-%m-%d}"

    @property
    def took(self) -> datetime.timedelta | None:
        """Return how long it was from the first start to the end; None before that."""
        return self.finished_at - self.started_at if self.finished_at else None


class Chunk(models.Model):
    """One member range of one step of a run. Its row lock is the claim: a killed worker's claim ends with its connection."""

    run = models.ForeignKey(JobRun, on_delete=models.CASCADE, related_name="chunks", verbose_name=_("job run"))
    step = models.CharField(_("step"), max_length=20)
    first_member = models.BigIntegerField(_("first member"))
    last_member = models.BigIntegerField(_("last member"))
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)
    seconds = models.FloatField(_("seconds"), null=True, blank=True)
    counts = models.JSONField(_("counts"), default=dict, blank=True)

    class Meta:
        verbose_name = _("chunk")
        verbose_name_plural = _("chunks")
        constraints = [
            models.UniqueConstraint(fields=["run", "step", "first_member"], name="chunks_start_once_per_step"),
            models.CheckConstraint(condition=Q(last_member__gte=F("first_member")), name="chunk_range_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.step} {self.first_member}-{self.last_member}"
