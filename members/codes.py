"""One-time codes: what was sent to whom, how often it was tried, whether it was used. The code itself stands nowhere."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

MOST_ATTEMPTS = 5


class OneTimeCode(models.Model):
    """A code for one purpose, sent to one phone number or mail address; a keyed hash of it, bound to its id, is kept.

    A decoy is a row like any other whose digest no code has, so that asking for a code tells nobody who is a member.
    """

    class Purpose(models.TextChoices):
        ENROL = "enrol", _("enrolment")
        RESUME = "resume", _("going on with an enrolment")
        SIGN_IN = "sign_in", _("sign-in")
        CONFIRM = "confirm", _("confirming who is there")
        CONTACT = "contact", _("change of contact")

    class Form(models.TextChoices):
        DIGITS = "digits", _("six digits")
        LINK = "link", _("link")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose)
    form = models.CharField(_("form"), max_length=6, choices=Form)
    # Whom it went to, as a keyed hash: sending is limited by it.
    target_hash = models.BinaryField()
    address = models.GenericIPAddressField(_("address"), null=True)
    enrolment = models.ForeignKey(
        "members.Enrolment", null=True, on_delete=models.CASCADE, related_name="codes", verbose_name=_("enrolment")
    )
    member = models.ForeignKey(
        "members.Member", null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("member")
    )
    digest = models.BinaryField()
    sent_at = models.DateTimeField(_("sent at"))
    expires_at = models.DateTimeField(_("expires at"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    used_at = models.DateTimeField(_("used at"), null=True)
    replaced_at = models.DateTimeField(_("replaced at"), null=True)

    class Meta:
        verbose_name = _("one-time code")
        verbose_name_plural = _("one-time codes")
        constraints = [
            models.CheckConstraint(
                condition=Q(purpose__in=["enrol", "resume", "sign_in", "confirm", "contact"]), name="code_purpose_known"
            ),
            models.CheckConstraint(condition=Q(attempts__lte=MOST_ATTEMPTS), name="code_tried_five_times_at_most"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("sent_at")), name="code_expires_after_it_is_sent"),
            models.CheckConstraint(
                condition=Q(used_at__isnull=True) | Q(replaced_at__isnull=True), name="code_used_or_replaced"
            ),
        ]
        indexes = [
            models.Index(fields=["target_hash", "sent_at"], name="code_by_target"),
            models.Index(fields=["address", "sent_at"], name="code_by_address"),
        ]
