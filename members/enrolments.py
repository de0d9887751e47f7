"""An enrolment on its way: begun on one channel, perhaps finished on another; what was typed is sealed under a key of its own."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from foundation.access.models import Branch
from members.consent_texts import Channel


class Enrolment(models.Model):
    """Somebody who is joining: started (details given), verified (the code came back), active (he is a member), or lapsed.

    `known_member` is set where the details are those of somebody who has joined already: such an enrolment looks like any other
    from outside, its code matches nothing, and the member is told. Once it has ended nothing personal is left in it.
    """

    class State(models.TextChoices):
        STARTED = "started", _("started")
        VERIFIED = "verified", _("verified")
        ACTIVE = "active", _("active")
        LAPSED = "lapsed", _("lapsed")

    class Via(models.TextChoices):
        SMS = "sms", _("text message")
        MAIL = "mail", _("e-mail")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(_("reference"), max_length=9, unique=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.STARTED)
    via = models.CharField(_("sent by"), max_length=4, choices=Via)
    begun_on = models.CharField(_("begun on"), max_length=10, choices=Channel)
    finished_on = models.CharField(_("finished on"), max_length=10, choices=Channel, blank=True)
    branch = models.ForeignKey(Branch, on_delete=models.PROTECT, related_name="+", verbose_name=_("branch"))
    language = models.CharField(_("language"), max_length=7)
    wrapped_key = models.BinaryField(null=True)
    sealed = models.BinaryField()
    masked_name = models.CharField(_("name"), max_length=80, blank=True)
    masked_contact = models.CharField(_("sent to"), max_length=80, blank=True)
    # The number of a customer whom the bank's own sign-in vouches for; he was verified by it, not by a code.
    vouched_number = models.CharField(_("customer number"), max_length=20, null=True)
    # By which an app that has no session shows that it is the one that began.
    secret_digest = models.BinaryField(null=True)
    known_member = models.ForeignKey("members.Member", null=True, on_delete=models.PROTECT, related_name="+")
    member = models.ForeignKey(
        "members.Member", null=True, on_delete=models.PROTECT, related_name="enrolments", verbose_name=_("member")
    )
    started_at = models.DateTimeField(_("started at"))
    verified_at = models.DateTimeField(_("verified at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    expires_at = models.DateTimeField(_("expires at"))

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=["verified", "active"])
                | Q(verified_at__isnull=False, known_member__isnull=True),
                name="enrolment_verified_by_its_code",
            ),
            models.CheckConstraint(
                condition=Q(state="active", member__isnull=False) | (~Q(state="active") & Q(member__isnull=True)),
                name="active_enrolment_has_its_member",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["started", "verified"], ended_at__isnull=True, wrapped_key__isnull=False)
                | Q(state__in=["active", "lapsed"], ended_at__isnull=False, wrapped_key__isnull=True),
                name="ended_enrolment_holds_nobody",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"], condition=Q(state__in=["started", "verified"]), name="enrolment_open_by_end"
            ),
        ]

    def __str__(self) -> str:
        return self.reference
