"""Two records of one person: the merge that made them one, and the pairs that people know to be two persons (docs/merging.md)."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class MergeQuerySet(models.QuerySet["Merge"]):
    def standing(self):
        """Keep the merges that have not been undone."""
        return self.filter(undone_at=None)


class Merge(models.Model):
    """One record taken into another, and what moved with it; undone, both stand by themselves again.

    `booked_on` and `undone_on` are the business dates whose close counts both records afresh. `moved` names, by their ids, what is
    to go back should it be undone; it holds no personal data.
    """

    kept = models.ForeignKey(
        "members.Member", on_delete=models.PROTECT, related_name="merges", verbose_name=_("record that stays")
    )
    gone = models.ForeignKey(
        "members.Member", on_delete=models.PROTECT, related_name="mergings", verbose_name=_("record that goes")
    )
    merged_at = models.DateTimeField(_("merged at"))
    booked_on = models.DateField(_("booked on"))
    request_id = models.UUIDField(_("request"))
    moved = models.JSONField(_("moved"), default=dict)
    undone_at = models.DateTimeField(_("undone at"), null=True)
    undone_on = models.DateField(_("undone on"), null=True)
    undoing_request_id = models.UUIDField(_("request to undo it"), null=True)

    objects = MergeQuerySet.as_manager()

    class Meta:
        app_label = "members"
        verbose_name = _("merge of two records")
        verbose_name_plural = _("merges of two records")
        constraints = [
            models.CheckConstraint(condition=~Q(kept=F("gone")), name="merge_of_two_records"),
            models.UniqueConstraint(
                fields=["gone"], condition=Q(undone_at__isnull=True), name="record_merged_into_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True, undone_on__isnull=True, undoing_request_id__isnull=True)
                | Q(undone_at__gte=F("merged_at"), undone_on__gte=F("booked_on"), undoing_request_id__isnull=False),
                name="merge_undone_after_it_was_made",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.gone_id} → {self.kept_id}"


class SetApart(models.Model):
    """Two records that look alike and are not one person's, as somebody found; `first` is the older one."""

    first = models.ForeignKey("members.Member", on_delete=models.PROTECT, related_name="+", verbose_name=_("member"))
    second = models.ForeignKey("members.Member", on_delete=models.PROTECT, related_name="+", verbose_name=_("member"))
    reason = models.CharField(_("reason"), max_length=400)
    set_apart_at = models.DateTimeField(_("set apart at"))
    set_apart_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("set apart by")
    )

    class Meta:
        app_label = "members"
        verbose_name = _("pair that is not one person")
        verbose_name_plural = _("pairs that are not one person")
        constraints = [
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="pair_set_apart_in_order"),
            models.UniqueConstraint(fields=["first", "second"], name="pair_set_apart_once"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} ≠ {self.second_id}"
