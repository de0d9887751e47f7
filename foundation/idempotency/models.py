"""What was answered to a request that moves value, kept for three days so that the same request again gets the same answer."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class KeptAnswer(models.Model):
    """The answer to one request, by its scope: who called, for which member, on which route, under which key.

    `fingerprint` is the SHA-256 of what was asked, after validation; `body` stands as it was sent, byte for byte.
    """

    caller = models.CharField(_("caller"), max_length=40)
    member_id = models.BigIntegerField(_("member"))
    route = models.CharField(_("route"), max_length=60)
    key = models.CharField(_("idempotency key"), max_length=100)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    status = models.SmallIntegerField(_("status"))
    body = models.TextField(_("body"))
    answered_at = models.DateTimeField(_("answered at"))

    class Meta:
        verbose_name = _("kept answer")
        verbose_name_plural = _("kept answers")
        constraints = [
            models.UniqueConstraint(fields=["member_id", "caller", "route", "key"], name="one_answer_per_key"),
            models.CheckConstraint(
                condition=models.Q(status__range=(200, 299)), name="only_answers_that_did_something_are_kept"
            ),
        ]
        indexes = [models.Index(fields=["answered_at"], name="kept_answer_by_time")]
