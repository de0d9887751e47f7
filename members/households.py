"""Households: members who live together, with dates. A household shares no points; that is a family (docs/family.md)."""

import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class HouseholdMembershipQuerySet(models.QuerySet["HouseholdMembership"]):
    def on(self, day: datetime.date) -> Self:
        """Keep those that hold on the date `day`."""
        return self.filter(Q(starts_on__lte=day) & (Q(ends_on__isnull=True) | Q(ends_on__gt=day)))

    def open(self) -> Self:
        """Keep those that have not ended."""
        return self.filter(ends_on=None)


class Household(models.Model):
    """A home in which members live; who, and from when until when, say its memberships."""

    created_on = models.DateField(_("created on"))

    class Meta:
        app_label = "members"
        verbose_name = _("household")
        verbose_name_plural = _("households")


class HouseholdMembership(models.Model):
    """A member's time in a household, from a date until a date (exclusive; open end NULL); one household at a time.

    One that ended on the day it began has no day of its own: `ends_on` is `starts_on`.
    """

    household = models.ForeignKey(
        Household, on_delete=models.PROTECT, related_name="memberships", verbose_name=_("household")
    )
    member = models.ForeignKey(
        "members.Member", on_delete=models.PROTECT, related_name="households", verbose_name=_("member")
    )
    starts_on = models.DateField(_("starts on"))
    ends_on = models.DateField(_("ends on"), null=True)

    objects = HouseholdMembershipQuerySet.as_manager()

    class Meta:
        app_label = "members"
        verbose_name = _("household membership")
        verbose_name_plural = _("household memberships")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="household_ends_after_its_start",
            ),
            models.UniqueConstraint(
                fields=["member"], condition=Q(ends_on__isnull=True), name="member_in_one_household_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.starts_on}"
