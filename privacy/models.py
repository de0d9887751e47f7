"""What a member asks about his data (Export, Erasure), what proves that data was destroyed (Certificate, Erased), and what the bank keeps.

How long each class of data is kept, what holds it longer, what was destroyed, and what authorities were given stands in keeping.py.
"""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.consent_texts import Channel
from members.models import Member

# A model is known by its app's models, wherever it is written down.
from privacy.keeping import Destruction, Disclosure, LegalHold, RetentionTerm, Rotation  # noqa: F401


class ExportQuerySet(models.QuerySet["Export"]):
    def waiting(self) -> Self:
        """Keep what is asked for and not made yet."""
        return self.filter(state=Export.State.ASKED)

    def ready(self) -> Self:
        """Keep what can be fetched, its 24 hours apart."""
        return self.filter(state=Export.State.READY)


class Export(models.Model):
    """A copy of all that the bank keeps of a member, asked for by himself or for him; fetched once, within 24 hours.

    Its parts are sealed under a key of its own, which is destroyed when it is fetched or over; `digest` is the SHA-256 of the file.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("being made")
        READY = "ready", _("ready")
        TAKEN = "taken", _("fetched")
        OVER = "over", _("over")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="exports", verbose_name=_("member"))
    state = models.CharField(_("state"), max_length=5, choices=State, default=State.ASKED)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    language = models.CharField(_("language"), max_length=7)
    asked_at = models.DateTimeField(_("asked at"))
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("asked by")
    )
    request_id = models.UUIDField(_("request"), null=True)
    made_at = models.DateTimeField(_("made at"), null=True)
    expires_at = models.DateTimeField(_("expires at"), null=True)
    taken_at = models.DateTimeField(_("fetched at"), null=True)
    size = models.BigIntegerField(_("bytes"), null=True)
    digest = models.CharField(_("digest"), max_length=64, blank=True)
    wrapped_key = models.BinaryField(null=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        verbose_name = _("export of a member's data")
        verbose_name_plural = _("exports of members' data")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["asked", "ready", "taken", "over"]), name="export_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="ready")
                | Q(wrapped_key__isnull=False, expires_at__isnull=False, made_at__isnull=False, size__isnull=False),
                name="ready_export_has_its_key_and_end",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["asked", "over"]) | Q(wrapped_key__isnull=True),
                name="only_made_exports_have_a_key",
            ),
            models.UniqueConstraint(fields=["member"], condition=Q(state="asked"), name="one_export_made_at_a_time"),
        ]
        indexes = [
            models.Index(fields=["member", "-asked_at"], name="export_by_member"),
            models.Index(
                fields=["expires_at"], condition=Q(state__in=["ready", "taken"]), name="export_with_parts_by_end"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asked_at:%Y-%m-%d %H:%M}"


class ExportPart(models.Model):
    """A piece of an export's file, sealed; together, in order, they are the file."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="parts", db_index=False)
    number = models.IntegerField(_("number"))
    sealed = models.BinaryField()

    class Meta:
        verbose_name = _("part of an export")
        verbose_name_plural = _("parts of exports")
        constraints = [models.UniqueConstraint(fields=["export", "number"], name="export_part_once_per_number")]


class Certificate(models.Model):
    """The proof that data was destroyed: what, when, by what right, who decided; signed, written once, naming nobody."""

    class Kind(models.TextChoices):
        ERASURE = "erasure", _("erasure of a member")
        DESTRUCTION = "destruction", _("destruction of a data class")

    number = models.CharField(_("number"), max_length=20, primary_key=True)
    kind = models.CharField(_("kind"), max_length=11, choices=Kind)
    subject = models.CharField(_("subject"), max_length=80)
    made_at = models.DateTimeField(_("made at"))
    document = models.JSONField(_("document"))
    digest = models.CharField(_("digest"), max_length=64)
    key_id = models.CharField(_("key"), max_length=16)
    signature = models.CharField(_("signature"), max_length=128)

    class Meta:
        verbose_name = _("certificate of destruction")
        verbose_name_plural = _("certificates of destruction")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["erasure", "destruction"]), name="certificate_kind_known"),
        ]
        indexes = [models.Index(fields=["-made_at", "number"], name="certificate_by_time")]

    def __str__(self) -> str:
        return self.number


class Erased(models.Model):
    """A member whose personal data has been destroyed: his key never comes back (the database sees to it)."""

    member = models.OneToOneField(
        Member, primary_key=True, on_delete=models.PROTECT, related_name="erased", verbose_name=_("member")
    )
    certificate = models.ForeignKey(
        Certificate, on_delete=models.PROTECT, related_name="erased", verbose_name=_("certificate of destruction")
    )
    erased_at = models.DateTimeField(_("erased at"))

    class Meta:
        verbose_name = _("erased member")
        verbose_name_plural = _("erased members")


class Erasure(models.Model):
    """The wish that a member's personal data be destroyed: done, or waiting for the day on which no duty stands against it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DONE = "done", _("done")
        WITHDRAWN = "withdrawn", _("withdrawn")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="erasures", verbose_name=_("member"))
    state = models.CharField(_("state"), max_length=9, choices=State)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    gives_up_points = models.BooleanField(_("gives up his points"))
    asked_at = models.DateTimeField(_("asked at"))
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("asked by"),
    )
    request_id = models.UUIDField(_("request"), null=True)
    possible_on = models.DateField(_("possible on"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["waiting", "done", "withdrawn"]), name="erasure_state_known"),
            models.CheckConstraint(
                condition=Q(state="waiting", possible_on__isnull=False, ended_at__isnull=True)
                | (~Q(state="waiting") & Q(ended_at__isnull=False)),
                name="waiting_erasure_has_its_day",
            ),
            models.UniqueConstraint(
                fields=["member"], condition=Q(state="waiting"), name="one_erasure_of_a_member_waits"
            ),
        ]
        indexes = [
            models.Index(fields=["possible_on"], condition=Q(state="waiting"), name="erasure_waiting_by_day"),
        ]
