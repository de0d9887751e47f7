"""The family pool: rights to spend the head's points, and what was spent by them."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.models import FamilyMembership


class PoolGrant(models.Model):
    """How many of the head's points in a currency a member of his family may spend in a calendar month; 0: none any more."""

    membership = models.ForeignKey(
        FamilyMembership, on_delete=models.PROTECT, related_name="grants", verbose_name=_("family membership")
    )
    currency = models.ForeignKey(
        "points.PointCurrency", on_delete=models.PROTECT, related_name="+", verbose_name=_("point currency")
    )
    points_per_month = models.BigIntegerField(_("points a month"))

    class Meta:
        verbose_name = _("right to spend")
        verbose_name_plural = _("rights to spend")
        constraints = [
            models.UniqueConstraint(fields=["membership", "currency"], name="pool_grant_once_per_currency"),
            models.CheckConstraint(condition=Q(points_per_month__range=(0, 10**12)), name="pool_grant_in_range"),
        ]


class PoolMonth(models.Model):
    """What a member has spent of the head's points in a calendar month (`month` is its first day), and the limit at that time."""

    membership = models.ForeignKey(
        FamilyMembership, on_delete=models.PROTECT, related_name="months", verbose_name=_("family membership")
    )
    currency = models.ForeignKey(
        "points.PointCurrency", on_delete=models.PROTECT, related_name="+", verbose_name=_("point currency")
    )
    month = models.DateField(_("month"))
    points_limit = models.BigIntegerField(_("points a month"))
    points_used = models.BigIntegerField(_("points used"))

    class Meta:
        verbose_name = _("month of a right to spend")
        verbose_name_plural = _("months of rights to spend")
        constraints = [
            models.UniqueConstraint(fields=["membership", "currency", "month"], name="pool_month_once"),
            models.CheckConstraint(
                condition=Q(points_used__gte=0, points_used__lte=F("points_limit")), name="pool_month_within_its_limit"
            ),
        ]
