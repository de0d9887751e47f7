"""What a member prefers: how he is told what, when he is left in peace, how early he is reminded. No row means the defaults."""

import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

QUIET_FROM, QUIET_UNTIL = datetime.time(21), datetime.time(9)
REMINDERS = (90, 30, 7)


class Way(models.TextChoices):
    """How a message goes out, in the order in which it is tried."""

    SMS = "sms", _("SMS")
    MAIL = "mail", _("e-mail")


class Topic(models.TextChoices):
    """What messages are about; security is always told, by every way and at any hour."""

    SECURITY = "security", _("security")
    MEMBERSHIP = "membership", _("my membership")
    POINTS = "points", _("points and their expiry")
    TIER = "tier", _("my tier")
    OFFERS = "offers", _("offers and news")


# Each cell that can be switched off, as `topic/way`.
CELLS = [f"{topic}/{way}" for topic in Topic if topic != Topic.SECURITY for way in Way]


class Preference(models.Model):
    """One member's wishes; `version` grows with each change. The quiet hours may pass midnight; without any, both are empty."""

    member = models.OneToOneField(
        "members.Member",
        primary_key=True,
        on_delete=models.PROTECT,
        related_name="preference",
        verbose_name=_("member"),
    )
    version = models.PositiveIntegerField(_("version"), default=0)
    muted = ArrayField(models.CharField(max_length=20), verbose_name=_("switched off"), default=list)
    quiet_from = models.TimeField(_("quiet from"), null=True, default=QUIET_FROM)
    quiet_until = models.TimeField(_("quiet until"), null=True, default=QUIET_UNTIL)
    reminders = ArrayField(models.SmallIntegerField(), verbose_name=_("reminders, days before"), default=list)

    class Meta:
        verbose_name = _("preference")
        verbose_name_plural = _("preferences")
        constraints = [
            models.CheckConstraint(condition=Q(muted__contained_by=CELLS), name="preference_mutes_known_cells"),
            models.CheckConstraint(
                condition=Q(reminders__contained_by=[*REMINDERS]), name="preference_reminders_known"
            ),
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False) & ~Q(quiet_from=F("quiet_until")),
                name="preference_quiet_hours_whole",
            ),
        ]
