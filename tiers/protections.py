"""Tiers that people secure: invitations, freezes and overrides, each with an end and another person's approval."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Least
from django.utils.translation import gettext_lazy as _

from members.models import Member


class Protection(models.Model):
    """A tier that a member does not drop below from the end of `starts_on` to the day before `until`; reviews may raise him.

    The review of `starts_on`, the first open date when it was approved, gives the tier to who stands lower. At `until` the review
    decides as at the end of a validity. `ended_on`, where it was ended early, is the first date that it no longer covers.
    """

    class Kind(models.TextChoices):
        INVITATION = "invitation", _("invitation")
        FREEZE = "freeze", _("freeze")
        OVERRIDE = "override", _("override")

    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="protections", db_index=False, verbose_name=_("member")
    )
    programme = models.ForeignKey(
        "tiers.Programme",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("loyalty programme"),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    tier = models.ForeignKey(
        "tiers.Tier", on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("tier")
    )
    starts_on = models.DateField(_("starts on"))
    until = models.DateField(_("until"))
    ended_on = models.DateField(_("ended on"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=400)
    request_id = models.UUIDField(_("request"), null=True, blank=True)

    class Meta:
        app_label = "tiers"
        verbose_name = _("tier protection")
        verbose_name_plural = _("tier protections")
        constraints = [
            models.CheckConstraint(condition=Q(until__gt=F("starts_on")), name="protection_ends_after_its_start"),
            models.CheckConstraint(
                condition=Q(ended_on__isnull=True) | Q(ended_on__gte=F("starts_on"), ended_on__lte=F("until")),
                name="protection_ended_within_its_time",
            ),
            ExclusionConstraint(
                name="one_protection_at_a_time",
                expressions=[
                    ("member", RangeOperators.EQUAL),
                    ("programme", RangeOperators.EQUAL),
                    (
                        Func(
                            F("starts_on"),
                            Least(F("until"), F("ended_on")),
                            function="daterange",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.tier}"
