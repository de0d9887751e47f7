"""The freeze: since when a purse can't be spent from, why, and who must agree that it can again."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.models import Member


class FreezeQuerySet(models.QuerySet["Freeze"]):
    def standing(self, *, member_id: int, currency_id: int | None = None) -> Self:
        """Keep what freezes the member's purses now; one purse alone where a currency is given."""
        rows = self.filter(member_id=member_id, thawed_on=None)
        return rows if currency_id is None else rows.filter(currency_id=currency_id)


class Freeze(models.Model):
    """A purse frozen from a day on, for a reason; one `by_compliance` is lifted by two people only. Lifted, it keeps the day."""

    # Without indexes of their own: the key below begins with the member, and nobody asks by currency alone.
    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("member")
    )
    currency = models.ForeignKey(
        "points.PointCurrency",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("point currency"),
    )
    frozen_on = models.DateField(_("frozen on"))
    reason = models.CharField(_("reason"), max_length=400)
    by_compliance = models.BooleanField(_("by compliance"))
    frozen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("frozen by"),
    )
    thawed_on = models.DateField(_("thawed on"), null=True)

    objects = FreezeQuerySet.as_manager()

    class Meta:
        verbose_name = _("freeze")
        verbose_name_plural = _("freezes")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "currency"], condition=Q(thawed_on__isnull=True), name="purse_frozen_once_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(thawed_on__isnull=True) | Q(thawed_on__gte=F("frozen_on")),
                name="thawed_no_earlier_than_frozen",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="freeze_says_why"),
        ]
