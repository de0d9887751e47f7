"""Where somebody is signed in: the browsers he came with, each of their sessions, and how often a code was tried."""

import datetime
from typing import Self

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

# So many wrong codes of a second factor, from devices that are known and from all others each, until the span is over.
MOST_TRIES = 5


class Device(models.Model):
    """A browser that a user has signed in with; it carries a random token, of which the hash is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="devices",
        db_index=False,
        verbose_name=_("user"),
    )
    token_hash = models.BinaryField()
    first_seen_at = models.DateTimeField(_("first seen at"))

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        constraints = [models.UniqueConstraint(fields=["user", "token_hash"], name="device_known_once_per_user")]


class SignInQuerySet(models.QuerySet["SignIn"]):
    def open(self) -> Self:
        """Keep the sign-ins that nobody has ended; one whose session has run out may be among them."""
        return self.filter(ended_at=None)

    def live(self, *, at: datetime.datetime, idle: datetime.timedelta) -> Self:
        """Keep those whose session is there at `at` and was not idle longer; how long ago it was seen is known to five minutes."""
        there = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=at)
        return self.open().filter(Exists(there), seen_at__gt=at - idle - datetime.timedelta(minutes=5))


class SignIn(models.Model):
    """One session of a user: the browser in words, the coarse network, from when to when. Kept 90 days after it was last seen."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="sign_ins",
        db_index=False,
        verbose_name=_("user"),
    )
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="sign_ins", verbose_name=_("device"))
    session_key = models.CharField(max_length=40)
    browser = models.CharField(_("browser"), max_length=60)
    network = models.CharField(_("network"), max_length=45, blank=True)
    began_at = models.DateTimeField(_("began at"))
    seen_at = models.DateTimeField(_("last seen at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)

    objects = SignInQuerySet.as_manager()

    class Meta:
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        constraints = [
            models.CheckConstraint(condition=Q(seen_at__gte=F("began_at")), name="sign_in_seen_after_it_began"),
        ]
        indexes = [
            models.Index(fields=["user", "-seen_at"], name="sign_in_by_user"),
            models.Index(fields=["seen_at"], name="sign_in_by_day"),
        ]


class FactorTries(models.Model):
    """How often the code of a second factor was tried since `began_at`; counted apart for devices that the user has signed in with,
    so that a stranger who knows the password can't shut the owner out of his own."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    from_known = models.BooleanField()
    began_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "from_known"], name="factor_tries_counted_once")]
