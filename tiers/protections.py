"""Tiers that people secure: invitations, freezes and overrides, each with an end and another person's approval."""

import datetime
from typing import Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Least
from django.utils.translation import gettext_lazy as _

from foundation.access.models import User
from members.models import Member

# Of two dates of which one may be missing Least takes the other.
ENDS_ON = Least(F("until"), F("ended_on"))


class ProtectionQuerySet(models.QuerySet["Protection"]):
    def ending_after(self, day: datetime.date) -> Self:
        """Keep those that cover a date after `day`, or begin later, whether they have begun or not."""
        return self.filter(Q(ended_on__isnull=True) | Q(ended_on__gt=day), until__gt=day)

    def covering(self, day: datetime.date) -> Self:
        """Keep those that the review of `day` heeds."""
        return self.ending_after(day).filter(starts_on__lte=day)

    def visible_to(self, user: User, *, on: datetime.date) -> Self:
        """Keep those of members whom the user's postings of the day `on` let him see."""
        return self.filter(member__in=Member.objects.visible_to(user, on=on))


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
    ending_request_id = models.UUIDField(_("request to end it"), null=True, blank=True)

    objects = ProtectionQuerySet.as_manager()

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

    @property
    def ends_on(self) -> datetime.date:
        """Return the first date that it does not cover."""
        return min(self.until, self.ended_on or self.until)
