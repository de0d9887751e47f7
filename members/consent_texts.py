"""What a member is asked to agree to, purpose by purpose and version by version; and each yes and no, written once."""

import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from foundation.translating import translated


class Purpose(models.TextChoices):
    TERMS = "terms", _("membership terms")
    PRIVACY = "privacy", _("privacy notice")
    MARKETING = "marketing", _("offers and news")
    PROFILING = "profiling", _("offers picked for me")


# A membership rests on these: without them nobody joins, and a new version is asked at the next sign-in.
REQUIRED = (Purpose.TERMS, Purpose.PRIVACY)
LONGEST_TEXT = 20_000


class Channel(models.TextChoices):
    PORTAL = "portal", _("member portal")
    APP = "app", _("mobile app")
    BRANCH = "branch", _("branch")
    BANKING = "banking", _("internet banking")
    FILE = "file", _("file")


class ConsentTextQuerySet(models.QuerySet["ConsentText"]):
    def in_force(self, on: datetime.date) -> Self:
        """Keep of each purpose the one version that is in force on the date `on`; in the order of the purposes' codes."""
        return self.filter(in_force_from__lte=on).order_by("purpose", "-in_force_from").distinct("purpose")


class ConsentText(models.Model):
    """A version of the text that asks for one purpose, in the bank's languages; written once, in force until the next one is."""

    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose)
    version = models.PositiveSmallIntegerField(_("version"))
    titles = models.JSONField(_("titles"))
    texts = models.JSONField(_("texts"))
    in_force_from = models.DateField(_("in force from"))

    objects = ConsentTextQuerySet.as_manager()

    class Meta:
        verbose_name = _("consent text")
        verbose_name_plural = _("consent texts")
        constraints = [
            models.CheckConstraint(condition=Q(purpose__in=Purpose.values), name="consent_purpose_known"),
            models.UniqueConstraint(fields=["purpose", "version"], name="one_consent_text_per_version"),
            models.UniqueConstraint(fields=["purpose", "in_force_from"], name="one_consent_text_begins_a_day"),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def code(self) -> str:
        """Return what names the text among all: its purpose and version."""
        return f"{self.purpose} {self.version}"

    @property
    def title(self) -> str:
        return translated(self.titles)

    @property
    def text(self) -> str:
        return translated(self.texts)

    @property
    def is_required(self) -> bool:
        return self.purpose in REQUIRED


class ConsentQuerySet(models.QuerySet["Consent"]):
    def latest_each(self) -> Self:
        """Keep of each member and purpose what he said last."""
        return self.order_by("member_id", "text__purpose", "-id").distinct("member_id", "text__purpose")


class Consent(models.Model):
    """One yes or no of a member to one version of a purpose's text; the last one of a purpose counts. Never edited, never deleted."""

    member = models.ForeignKey(
        "members.Member", on_delete=models.PROTECT, related_name="consents", verbose_name=_("member")
    )
    text = models.ForeignKey(ConsentText, on_delete=models.PROTECT, related_name="+", verbose_name=_("consent text"))
    given = models.BooleanField(_("given"))
    at = models.DateTimeField(_("at"))
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.CheckConstraint(condition=Q(channel__in=Channel.values), name="consent_channel_known"),
        ]
