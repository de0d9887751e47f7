"""Rehearsals: what other rules would have made of the last months, member range by member range."""

import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.models import Member


class Rehearsal(models.Model):
    """A replay of a programme's reviews from `starts_on` to `ends_on` under other rules; it touches no standing.

    The rules are a draft (`document`, with its `digest`), a stored `rule_book`, or with neither those that were in force on each
    date. `result` is there when it is done; tiers.rehearsing says what it holds.
    """

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    programme = models.ForeignKey(
        "tiers.Programme", on_delete=models.PROTECT, related_name="rehearsals", verbose_name=_("loyalty programme")
    )
    rule_book = models.ForeignKey(
        "tiers.RuleBook", null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("rule book")
    )
    document = models.JSONField(_("draft"), null=True, blank=True)
    digest = models.CharField(_("digest of the draft"), max_length=64, blank=True)
    months = models.PositiveSmallIntegerField(_("months"))
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("to"))
    dates = models.PositiveIntegerField(_("dates"))
    members = models.PositiveBigIntegerField(_("members"))
    expected_seconds = models.PositiveIntegerField(_("expected seconds"))
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.RUNNING)
    started_by = models.CharField(_("started by"), max_length=150)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    result = models.JSONField(_("result"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=400, blank=True)

    class Meta:
        app_label = "tiers"
        verbose_name = _("rehearsal")
        verbose_name_plural = _("rehearsals")
        constraints = [
            models.CheckConstraint(
                condition=Q(document__isnull=True, digest="")
                | (Q(document__isnull=False, rule_book__isnull=True) & ~Q(digest="")),
                name="rehearsal_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(status="done", result__isnull=False, finished_at__isnull=False)
                | (~Q(status="done") & Q(result__isnull=True)),
                name="rehearsal_done_has_its_result",
            ),
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="rehearsal_dates_in_order"),
        ]
        indexes = [models.Index(fields=["digest"], name="rehearsal_by_digest", condition=~Q(digest=""))]

    def __str__(self) -> str:
        return f"{self.programme} {self.starts_on:%Y-%m-%d} – {self.ends_on:%Y-%m-%d}"

    @property
    def took(self) -> datetime.timedelta | None:
        """Return how long it was from the start to the end; None before that."""
        return self.finished_at - self.started_at if self.finished_at else None


class RehearsedRange(models.Model):
    """One member range of a rehearsal. Its row lock is the claim: a killed worker's claim ends with its connection."""

    rehearsal = models.ForeignKey(
        Rehearsal, on_delete=models.CASCADE, related_name="ranges", verbose_name=_("rehearsal")
    )
    first_member = models.BigIntegerField(_("first member"))
    last_member = models.BigIntegerField(_("last member"))
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)
    seconds = models.FloatField(_("seconds"), null=True, blank=True)
    counts = models.JSONField(_("counts"), default=dict, blank=True)

    class Meta:
        app_label = "tiers"
        verbose_name = _("rehearsed range")
        verbose_name_plural = _("rehearsed ranges")
        constraints = [
            models.UniqueConstraint(fields=["rehearsal", "first_member"], name="ranges_start_once_per_rehearsal")
        ]


class RehearsedMove(models.Model):
    """A member who at the end of a rehearsal would stand elsewhere than he does."""

    rehearsal = models.ForeignKey(
        Rehearsal, on_delete=models.CASCADE, related_name="moves", db_index=False, verbose_name=_("rehearsal")
    )
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="+", db_index=False, verbose_name=_("member")
    )
    from_tier = models.ForeignKey(
        "tiers.Tier", on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("from")
    )
    to_tier = models.ForeignKey(
        "tiers.Tier", on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("to")
    )

    class Meta:
        app_label = "tiers"
        verbose_name = _("member who would move")
        verbose_name_plural = _("members who would move")
        constraints = [models.UniqueConstraint(fields=["rehearsal", "member"], name="one_move_per_rehearsed_member")]
