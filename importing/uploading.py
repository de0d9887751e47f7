"""Taking a file up: looked into under caps, sealed piece by piece, mapped; and forgetting it when its time is over."""

import datetime
import hashlib
import itertools
from collections.abc import Iterator
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from foundation import long_sheets
from foundation.access import visibility
from foundation.access.models import Branch
from foundation.actors import Actor
from foundation.approvals.requesting import person
from foundation.audit.recording import record
from foundation.periods import day_of
from foundation.refusals import Refusal
from foundation.sheets import NoRows
from foundation.transactions import in_transaction
from importing import keeping, mapping, sending
from importing.kinds import KINDS
from importing.models import MAY_START, Import, ImportChunk, ImportPiece
from members.reports import well_written

PIECE_BYTES = 2**20
# What nobody asks for, and the refused rows of what was taken in, are destroyed after so many days; a request waits for two weeks.
KEPT = datetime.timedelta(days=7)
KEPT_WHILE_ASKED = datetime.timedelta(days=21)


class MayNotImport(Refusal):
    code = "may_not_import"
    status = 403
    sentence = _("Your postings don't let you import into that branch.")


class NotYourImport(Refusal):
    code = "not_your_import"
    status = 403
    sentence = _("Only who uploaded a file goes on with it.")


class SourceMissing(Refusal):
    code = "source_missing"
    status = 422
    sentence = _("Say which system the file comes from, in 40 characters at most and without a slash.")


class ControlTotalMissing(Refusal):
    code = "control_total_missing"
    status = 422
    sentence = _(
        "Opening points come with a control total: the sum of the points of all rows, from the system that wrote the file."
    )


class NotToBeMapped(Refusal):
    code = "not_to_be_mapped"
    sentence = _("This file is being worked on, or was asked for; its mapping stays.")


@in_transaction
def take_up(
    *,
    kind: str,
    source: str,
    name: str,
    file: BinaryIO,
    branch: Branch,
    control_total: int | None = None,
    actor: Actor,
    at: datetime.datetime,
) -> Import:
    """Look into a file's headings and keep it, sealed, for its importer to map; nothing of it is taken in yet.

    Refuses may_not_import, no_employee_number, source_missing, control_total_missing, and a SheetRefusal at the field `file`.
    """
    user, _number = person(actor)
    paths = visibility.paths(user, permission=MAY_START, on=day_of(at))
    if not any(branch.path.startswith(path) for path in paths):
        raise MayNotImport(field="branch")
    source = source.strip()
    if not well_written(source, most=40) or "/" in source:
        raise SourceMissing(field="source")
    if control_total is None and kind == Import.Kind.OPENING:
        raise ControlTotalMissing(field="control_total")
    headers = headings_of(file, kind=kind)
    import_ = Import(
        kind=kind, source=source, name=name[-120:], branch=branch, headers=headers, control_total=control_total,
        uploaded_by=user, uploaded_at=at, keep_until=at + KEPT,
    )  # fmt: skip
    key, import_.wrapped_key = keeping.new_key(import_.pk)
    import_.mapping = mapping.guess(headers, kind=KINDS[kind], source=source)
    digest = hashlib.sha256()
    import_.save(force_insert=True)
    for number, piece in enumerate(_pieces(file)):
        digest.update(piece)
        sealed = keeping.seal(key, piece, bound_to=f"piece:{import_.pk}:{number}")
        ImportPiece.objects.create(of=import_, number=number, sealed=sealed)
    import_.digest = digest.hexdigest()
    import_.save(update_fields=["digest"])
    new = {"kind": kind, "source": source, "digest": import_.digest, "control_total": control_total}
    record(verb="importing.take_up", actor=actor, subject_kind="import", subject_id=import_.pk, at=at, new=new)
    return import_


def refuse_unless_own(import_: Import, *, actor: Actor) -> None:
    """Refuse not_your_import to everybody but the importer: whoever uploads must be whom nobody lets decide on it."""
    if actor.user is None or import_.uploaded_by_id != actor.user.pk:
        raise NotYourImport


def headings_of(file: BinaryIO, *, kind: str) -> list[str]:
    """Return the headings of a file that has a row below them; refuses a SheetRefusal."""
    first = list(itertools.islice(long_sheets.lines(file), 2))
    if len(first) < 2:
        raise NoRows(field="file")
    headers = [*first[0][1]]
    while headers and not headers[-1]:
        headers.pop()
    mapping.check_headings(headers, kind=KINDS[kind])
    return headers


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        yield piece


@in_transaction
def map_columns(*, import_id: UUID, places: dict[str, int], actor: Actor, at: datetime.datetime) -> Import:
    """Say which column fills which field, and let the rows be checked; the mapping is remembered.

    Refuses not_your_import, not_to_be_mapped, rows_gone, field_unmapped, column_used_twice, owner_unmapped.
    """
    import_ = Import.objects.select_for_update().get(pk=import_id)
    refuse_unless_own(import_, actor=actor)
    if import_.status != Import.Status.UPLOADED:
        raise NotToBeMapped
    keeping.key_of(import_)
    kind = KINDS[import_.kind]
    import_.mapping = mapping.check(places, headers=import_.headers, kind=kind)
    mapping.remember(import_.mapping, headers=import_.headers, kind=kind, source=import_.source)
    import_.status = Import.Status.CHECKING
    import_.save(update_fields=["mapping", "status"])
    transaction.on_commit(lambda: sending.send(import_.pk), robust=True)
    new = {"mapping": import_.mapping}
    record(verb="importing.map_columns", actor=actor, subject_kind="import", subject_id=import_.pk, at=at, new=new)
    return import_


@in_transaction
def forget(*, at: datetime.datetime) -> int:
    """Destroy the rows of every import whose time is over, its key first, and return how many those are."""
    over = list(
        Import.objects.filter(keep_until__lte=at, wrapped_key__isnull=False)
        .exclude(status__in=[Import.Status.RUNNING, Import.Status.UNDOING])
        .order_by("pk").select_for_update(skip_locked=True).values_list("pk", flat=True)
    )  # fmt: skip
    if over:
        ImportPiece.objects.filter(of__in=over).delete()
        ImportChunk.objects.filter(of__in=over).update(sealed=None, refused=None)
        Import.objects.filter(pk__in=over).update(wrapped_key=None)
    return len(over)
