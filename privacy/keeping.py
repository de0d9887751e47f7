"""How long each class of data is kept (RetentionTerm), what holds it longer (LegalHold), what was destroyed by decision
(Destruction), what authorities were given (Disclosure), and how far a new master key has come (Rotation)."""

import datetime
import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from foundation.translating import translated
from members.models import Member


class RetentionTerm(models.Model):
    """How long a class of data is kept, in months (NULL: for ever), and by what right, in the bank's languages."""

    data_class = models.CharField(_("data class"), max_length=20, primary_key=True)
    months = models.PositiveSmallIntegerField(_("months"), null=True)
    bases = models.JSONField(_("bases"))

    class Meta:
        verbose_name = _("retention term")
        verbose_name_plural = _("retention terms")
        constraints = [
            models.CheckConstraint(
                condition=Q(months__isnull=True) | Q(months__range=(1, 1200)), name="retention_months_in_range"
            ),
        ]

    def __str__(self) -> str:
        return self.data_class

    @property
    def basis(self) -> str:
        """Return by what right, in the reader's language."""
        return translated(self.bases)


class LegalHoldQuerySet(models.QuerySet["LegalHold"]):
    def on(self, day: datetime.date) -> Self:
        """Keep what holds on the date `day`: begun, not over, not lifted."""
        return self.filter(Q(starts_on__lte=day) & (Q(until=None) | Q(until__gte=day)), lifted_at=None)

    def of_member(self, member_id: int) -> Self:
        """Keep what holds this member's data: a hold of his own, or one on the class of members' personal data."""
        return self.filter(Q(member=member_id) | Q(data_class="closed_members"))


class LegalHold(models.Model):
    """A member's data, or a class of it, that must not be destroyed from a date on (until, inclusive; open NULL), whatever its term."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(
        Member, null=True, on_delete=models.PROTECT, related_name="legal_holds", verbose_name=_("member")
    )
    data_class = models.CharField(_("data class"), max_length=20, blank=True)
    reason = models.CharField(_("reason"), max_length=400)
    starts_on = models.DateField(_("starts on"))
    until = models.DateField(_("until"), null=True)
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("by")
    )
    placed_at = models.DateTimeField(_("placed at"))
    lifted_at = models.DateTimeField(_("lifted at"), null=True)

    objects = LegalHoldQuerySet.as_manager()

    class Meta:
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        constraints = [
            models.CheckConstraint(
                condition=Q(member__isnull=False, data_class="") | (Q(member__isnull=True) & ~Q(data_class="")),
                name="legal_hold_of_a_member_or_a_class",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="legal_hold_says_why"),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("starts_on")), name="legal_hold_ends_after_its_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.data_class or self.member} {self.starts_on}"


class Destruction(models.Model):
    """A batch of what has passed its term: found by the job, asked for and decided by two people, then destroyed by the job."""

    class State(models.TextChoices):
        FOUND = "found", _("found")
        APPROVED = "approved", _("approved")
        DONE = "done", _("done")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    data_class = models.CharField(_("data class"), max_length=20)
    before = models.DateField(_("older than"))
    found_on = models.DateField(_("found on"))
    rows = models.BigIntegerField(_("rows found"))
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.FOUND)
    request_id = models.UUIDField(_("request"), null=True)
    destroyed = models.BigIntegerField(_("rows destroyed"), default=0)
    certificate = models.OneToOneField(
        "privacy.Certificate", null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("certificate")
    )

    class Meta:
        verbose_name = _("destruction of data")
        verbose_name_plural = _("destructions of data")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["found", "approved", "done"]), name="destruction_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="found") | Q(request_id__isnull=False), name="destruction_by_a_decided_request"
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(certificate__isnull=False), name="done_destruction_has_its_certificate"
            ),
            models.UniqueConstraint(
                fields=["data_class"],
                condition=Q(state__in=["found", "approved"]),
                name="one_open_destruction_per_class",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.data_class} {self.before}"


class DisclosureQuerySet(models.QuerySet["Disclosure"]):
    def told_on(self, day: datetime.date) -> Self:
        """Keep what the member may be told on the date `day`: no secrecy was ordered, or it is over."""
        return self.filter(Q(secret_until=None) | Q(secret_until__lt=day))


class Disclosure(models.Model):
    """What an authority was given of a member: who asked, by what right, what, when; asked for by one, decided by another.

    Until `secret_until`, inclusive, where secrecy was ordered, the member is not told. Its id is that of its request.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="disclosures", verbose_name=_("member"))
    authority = models.CharField(_("authority"), max_length=120)
    legal_basis = models.CharField(_("legal basis"), max_length=200)
    what_given = models.CharField(_("what was given"), max_length=400)
    given_on = models.DateField(_("given on"))
    secret_until = models.DateField(_("secret until"), null=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("asked by")
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided at"))

    objects = DisclosureQuerySet.as_manager()

    class Meta:
        verbose_name = _("disclosure to an authority")
        verbose_name_plural = _("disclosures to authorities")
        constraints = [
            models.CheckConstraint(
                condition=~Q(authority="") & ~Q(legal_basis="") & ~Q(what_given=""),
                name="disclosure_says_to_whom_and_why",
            ),
            models.CheckConstraint(condition=~Q(asked_by=F("decided_by")), name="disclosure_decided_by_another"),
        ]
        indexes = [models.Index(fields=["member", "given_on"], name="disclosure_by_member")]

    def __str__(self) -> str:
        return f"{self.authority} {self.given_on}"


class Rotation(models.Model):
    """How far the keys of one table have been wrapped anew under the master key of that id; NULL `done_at`: not all."""

    key_id = models.CharField(_("key"), max_length=16)
    place = models.CharField(_("table"), max_length=40)
    last = models.CharField(_("last row"), max_length=40, blank=True)
    rows = models.BigIntegerField(_("rows"), default=0)
    done_at = models.DateTimeField(_("done at"), null=True)

    class Meta:
        verbose_name = _("rotation of keys")
        verbose_name_plural = _("rotations of keys")
        constraints = [models.UniqueConstraint(fields=["key_id", "place"], name="one_rotation_per_key_and_table")]
