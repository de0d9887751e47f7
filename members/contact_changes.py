"""Changes of a phone number or mail address: asked for by the member, done once the code came back from the new one."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.codes import OneTimeCode


class ContactChange(models.Model):
    """The new contact of one member, sealed; once it is done, the one before it, for the word that goes there. Goes with its code."""

    class Kind(models.TextChoices):
        PHONE = "phone", _("mobile number")
        EMAIL = "email", _("e-mail address")

    code = models.OneToOneField(OneTimeCode, primary_key=True, on_delete=models.CASCADE, related_name="contact_change")
    kind = models.CharField(_("kind"), max_length=5, choices=Kind)
    wrapped_key = models.BinaryField()
    sealed = models.BinaryField()
    wrapped_key_before = models.BinaryField(null=True)
    sealed_before = models.BinaryField(null=True)

    class Meta:
        verbose_name = _("change of contact")
        verbose_name_plural = _("changes of contact")
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=["phone", "email"]), name="contact_kind_known"),
            models.CheckConstraint(
                condition=models.Q(wrapped_key_before__isnull=True, sealed_before__isnull=True)
                | models.Q(wrapped_key_before__isnull=False, sealed_before__isnull=False),
                name="contact_before_sealed_whole",
            ),
        ]
