"""What people import: Import, its sealed Pieces and Chunks; what came of it (ImportedMember, OpeningLot); mappings remembered.

Nothing of a file's rows stands here in clear: pieces and chunks are encrypted under a key of the import's own, and go as they are
done with. Destroying `wrapped_key` destroys whatever is left (docs/importing.md).
"""

import datetime
import uuid
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from foundation.access import visibility
from foundation.access.models import Branch, User
from members.models import Member

SEE_IMPORTS = "importing.view_import"
MAY_START = "importing.start_import"


class ImportQuerySet(models.QuerySet["Import"]):
    def visible_to(self, user: User, *, on: datetime.date) -> Self:
        """Keep the imports of the branches in which the user's postings of the day let him read imports."""
        if user.is_active and user.is_superuser:
            return self.all()
        within = Q(pk__in=[])
        for path in visibility.paths(user, permission=SEE_IMPORTS, on=on):
            within |= Q(branch__path__startswith=path)
        return self.filter(within)

    def at_work(self) -> Self:
        """Keep the imports that a worker has something to do for."""
        return self.filter(status__in=[Import.Status.CHECKING, Import.Status.RUNNING, Import.Status.UNDOING])


class Import(models.Model):
    """One uploaded file on its way in: what it is, which column fills what, how far it is, and what became of its rows.

    `branch` is the importer's: rows about members outside of it are refused. `control_total` is in points, minor units, or rows.
    """

    class Kind(models.TextChoices):
        MEMBERS = "members", _("members")
        ACCOUNTS = "accounts", _("accounts")
        SNAPSHOTS = "snapshots", _("account balances")
        HOLDINGS = "holdings", _("holdings")
        OPENING = "opening", _("opening points")

    class Status(models.TextChoices):
        UPLOADED = "uploaded", _("to be mapped")
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        UNDOING = "undoing", _("being taken back")
        UNDONE = "undone", _("taken back")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    source = models.CharField(_("source"), max_length=40)
    name = models.CharField(_("file"), max_length=120)
    branch = models.ForeignKey(Branch, on_delete=models.PROTECT, related_name="+", verbose_name=_("branch"))
    digest = models.CharField(_("digest of the file"), max_length=64)
    headers = models.JSONField(_("headings"))
    # Field to the place of its column in the file.
    mapping = models.JSONField(_("mapping"), default=dict, blank=True)
    control_total = models.BigIntegerField(_("control total"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.UPLOADED)
    # Where it failed: checking, running or undoing.
    failed_while = models.CharField(max_length=8, blank=True, db_default="")
    # The name of what broke; a refusal by its code, said in the reader's language.
    error = models.CharField(_("error"), max_length=80, blank=True, db_default="")
    refusal = models.JSONField(null=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("uploaded by")
    )
    uploaded_at = models.DateTimeField(_("uploaded at"))
    checked_at = models.DateTimeField(_("checked at"), null=True)
    started_at = models.DateTimeField(_("started at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    # Rows, and what the trial and the run made of them; points and money by name.
    rows = models.IntegerField(_("rows"), db_default=0)
    trial = models.JSONField(_("trial"), default=dict, blank=True)
    result = models.JSONField(_("result"), default=dict, blank=True)
    wrapped_key = models.BinaryField(null=True)
    keep_until = models.DateTimeField(_("rows kept until"))

    objects = ImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["members", "accounts", "snapshots", "holdings", "opening"]),
                name="import_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=["uploaded", "checking", "checked", "running", "done", "undoing", "undone", "failed"]
                ),
                name="import_status_known",
            ),
            models.CheckConstraint(
                condition=~Q(kind="opening") | Q(control_total__isnull=False),
                name="opening_points_have_a_control_total",
            ),
            models.CheckConstraint(condition=Q(rows__gte=0), name="import_rows_not_negative"),
        ]
        indexes = [
            models.Index(fields=["-uploaded_at", "-id"], name="import_newest_first"),
            models.Index(fields=["keep_until"], condition=Q(wrapped_key__isnull=False), name="import_to_be_forgotten"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_money(self) -> bool:
        """Tell whether it brings points, which finance decides on."""
        return self.kind == self.Kind.OPENING

    @property
    def counted(self) -> dict[str, Any]:
        """Return what the run counted, before it what the trial did."""
        return self.result or self.trial


class ImportPiece(models.Model):
    """A megabyte of the file as it came, sealed; it goes as soon as the file's rows are staged."""

    of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="pieces")
    number = models.IntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["of", "number"], name="import_pieces_stand_once")]


class ImportChunk(models.Model):
    """Some thousand rows, sealed: checked in one transaction, taken in in another. Its row lock is the claim.

    Once it is done `sealed` is gone, and `refused` holds, sealed, the rows that were not taken. `errors` are [line, field, code].
    """

    of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="chunks")
    number = models.IntegerField()
    rows = models.IntegerField()
    sealed = models.BinaryField(null=True)
    refused = models.BinaryField(null=True)
    errors = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    checked_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["of", "number"], name="import_chunks_stand_once"),
            models.CheckConstraint(
                condition=Q(done_at__isnull=True) | Q(sealed__isnull=True), name="done_chunk_keeps_no_rows"
            ),
        ]


class ImportedMember(models.Model):
    """A member who came in new by an import, and the line of the file he stood in."""

    of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="new_members", db_index=False)
    member = models.OneToOneField(Member, on_delete=models.CASCADE, primary_key=True, related_name="+")
    line = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["of", "line"], name="imported_member_by_import")]


class OpeningLot(models.Model):
    """Points credited by an import, as one dated lot: `identity` is the lot's own in its purse, whichever file names it.

    `key` is that of its entry, `entry_number` the entry. A lot taken back stays, and its identity is free again. Hot table.
    """

    pk = models.CompositePrimaryKey("member_id", "currency_id", "key")
    member_id = models.BigIntegerField(_("member"))
    currency_id = models.SmallIntegerField(_("point currency"))
    key = models.UUIDField()
    identity = models.UUIDField()
    points = models.BigIntegerField(_("points"))
    earned_on = models.DateField(_("earned on"))
    expires_on = models.DateField(_("expires on"), null=True)
    entry_number = models.IntegerField(_("entry"), null=True)
    import_id = models.UUIDField(_("import"))
    line = models.IntegerField()
    undone_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("opening lot")
        verbose_name_plural = _("opening lots")
        constraints = [
            models.UniqueConstraint(
                fields=["member_id", "currency_id", "identity"],
                condition=Q(undone_at__isnull=True),
                name="opening_lot_stands_once",
            ),
            models.CheckConstraint(condition=Q(points__range=(1, 10**12)), name="opening_lot_points_in_range"),
        ]
        indexes = [models.Index(fields=["import_id", "line"], name="opening_lot_by_import")]


class RememberedMapping(models.Model):
    """Which heading filled which field, the last time a file of this kind, source and headings came."""

    kind = models.CharField(max_length=10)
    source = models.CharField(max_length=40)
    headers_digest = models.CharField(max_length=64)
    mapping = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "source", "headers_digest"], name="one_mapping_per_headings"),
        ]
