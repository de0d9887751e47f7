"""The outbox: what is owed to somebody after a change has committed, as rows written with the change (docs/outbox.md)."""

from typing import Self

from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class ObligationQuerySet(models.QuerySet["Obligation"]):
    def open(self) -> Self:
        """Keep what is not done, quarantined or not."""
        return self.filter(done_at=None)

    def waiting(self) -> Self:
        """Keep what the relay will still try by itself."""
        return self.open().filter(quarantined_at=None)


class Obligation(models.Model):
    """One thing owed, once per member, topic and key: `due_at` says since when, `not_before` when it is tried next.

    What is owed can't be edited or deleted by `runtime`; only how far it is. `payload` holds no personal data. `id` is made by
    the database and grows with time.
    """

    id = models.UUIDField(primary_key=True, editable=False, db_default=Func(function="outbox_new_id"))
    topic = models.CharField(_("topic"), max_length=40)
    member_id = models.BigIntegerField(_("member"))
    key = models.CharField(_("idempotency key"), max_length=80)
    payload = models.JSONField(_("payload"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())
    due_at = models.DateTimeField(_("due at"), db_default=Now())
    not_before = models.DateTimeField(_("not before"), db_default=Now())
    attempts = models.PositiveSmallIntegerField(_("attempts"), db_default=0)
    last_error = models.CharField(_("last error"), max_length=400, blank=True, db_default="")
    done_at = models.DateTimeField(_("done at"), null=True)
    quarantined_at = models.DateTimeField(_("quarantined at"), null=True)

    objects = ObligationQuerySet.as_manager()

    class Meta:
        verbose_name = _("obligation")
        verbose_name_plural = _("outbox")
        constraints = [
            models.UniqueConstraint(
                fields=["member_id", "topic", "key"], name="obligation_once_per_member_topic_and_key"
            ),
            models.CheckConstraint(
                condition=Q(done_at__isnull=True) | Q(quarantined_at__isnull=True),
                name="obligation_done_or_quarantined",
            ),
        ]
        indexes = [
            models.Index(fields=["topic", "not_before"], condition=Q(done_at__isnull=True), name="obligation_open"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.key}"
