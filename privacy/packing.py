"""Packing a copy: a zip of JSON, one file a section, with its description, and one page to read; sealed piece by piece as it is written.

Nothing of the file stands anywhere in clear, and no more than one page of rows and one piece of bytes in memory.
"""

import contextlib
import datetime
import hashlib
import json
import zipfile
from collections.abc import Iterator
from typing import IO, Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from foundation.transactions import in_transaction
from members import sealing
from privacy.contents import SECTIONS, Owner, Row
from privacy.models import Export, ExportPart

FORMAT = "member-data-1"
PIECE = 256 * 1024
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#14213d}"
    "table{border-collapse:collapse;font-size:.85rem}td,th{border:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}"
    "div{overflow-x:auto}h2{margin-top:2.5rem}"
)


class Pieces:
    """A file to write to, that cuts what is written into pieces and keeps each sealed under the key."""

    def __init__(self, export: Export, key: bytes) -> None:
        self.export, self.key = export, key
        self.size, self.number = 0, 0
        self.digest = hashlib.sha256()
        self._rest = bytearray()

    def write(self, data: bytes) -> int:
        """Take bytes; keep every full piece."""
        self._rest += data
        while len(self._rest) >= PIECE:
            self._keep(bytes(self._rest[:PIECE]))
            del self._rest[:PIECE]
        return len(data)

    def flush(self) -> None:
        """Keep nothing yet: pieces are kept when they are full."""

    def close(self) -> None:
        """Keep what is left."""
        if self._rest:
            self._keep(bytes(self._rest))
            self._rest.clear()

    def _keep(self, piece: bytes) -> None:
        self.digest.update(piece)
        self.size += len(piece)
        sealed = sealing.encrypt(self.key, piece, part_name(self.export.pk, self.number))
        ExportPart.objects.create(export=self.export, number=self.number, sealed=sealed)
        self.number += 1


def name_of(export_id: UUID) -> str:
    """Return the name that the key of an export is bound to."""
    return f"export:{export_id}"


def part_name(export_id: UUID, number: int) -> str:
    """Return the name that a piece is bound to: no piece can stand in another's place."""
    return f"export:{export_id}:{number}"


@in_transaction
def pack(export: Export, owner: Owner, *, key: bytes, at: datetime.datetime) -> tuple[int, str]:
    """Write the file in pieces, sealed under `key`, in the reader's language; return its bytes and their SHA-256."""
    pieces = Pieces(export, key)
    when = timezone.localtime(at, timezone.get_default_timezone()).timetuple()[:6]
    counts: dict[str, int] = {}
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_DEFLATED) as packed:
        for section in SECTIONS:
            with _file(packed, f"data/{section.code}.json", when) as file:
                counts[section.code] = _write_rows(file, section.rows(owner))
        with _file(packed, "index.html", when) as file:
            _write_page(file, owner, at=at)
        with _file(packed, "manifest.json", when) as file:
            head = {"format": FORMAT, "member": owner.member.number, "made_at": at, "language": get_language()}
            file.write(_json(head | {"sections": _described(counts)}, indent=2).encode())
    pieces.close()
    return pieces.size, pieces.digest.hexdigest()


def unpack(export_id: UUID, *, key: bytes) -> Iterator[bytes]:
    """Yield the file's bytes, piece by piece."""
    number = 0
    while part := ExportPart.objects.filter(export=export_id, number=number).first():
        yield sealing.decrypt(key, bytes(part.sealed), part_name(export_id, number))
        number += 1


@contextlib.contextmanager
def _file(packed: zipfile.ZipFile, name: str, when: tuple[int, ...]) -> Iterator[IO[bytes]]:
    told = zipfile.ZipInfo(name, date_time=when)  # type: ignore[arg-type]
    told.compress_type = zipfile.ZIP_DEFLATED
    with packed.open(told, "w") as file:
        yield file


def _json(value: Any, **more: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, **more)


def _write_rows(file: IO[bytes], rows: Iterator[Row]) -> int:
    """Write rows as a JSON array, one a line; return how many."""
    count = 0
    file.write(b"[")
    for row in rows:
        file.write(b",\n" if count else b"\n")
        file.write(_json(row).encode())
        count += 1
    file.write(b"\n]\n")
    return count


def _described(counts: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {"code": one.code, "title": str(one.title), "file": f"data/{one.code}.json", "rows": counts[one.code]}
        for one in SECTIONS
    ]


def _write_page(file: IO[bytes], owner: Owner, *, at: datetime.datetime) -> None:
    """Write the page that people read: each section a table, in the words of the member's language."""
    title = _("Your data at the bank")
    made = date_format(timezone.localtime(at, timezone.get_default_timezone()), "DATETIME_FORMAT")
    head = f'<!doctype html><html lang="{get_language()}"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    file.write(f"{head}<h1>{escape(title)}</h1><p>{escape(owner.member.number)} · {escape(made)}</p>".encode())
    for section in SECTIONS:
        file.write(f"<h2>{escape(section.title)}</h2>".encode())
        words = {
            field.attname: str(field.verbose_name) for model in section.models for field in model._meta.concrete_fields
        }
        _write_table(file, section.rows(owner), words)
    file.write(b"</html>\n")


def _write_table(file: IO[bytes], rows: Iterator[Row], words: dict[str, str]) -> None:
    names: list[str] | None = None
    for row in rows:
        if names is None:
            names = list(row)
            heads = "".join(f"<th>{escape(words.get(name, name.replace('_', ' ')))}</th>" for name in names)
            file.write(f"<div><table><tr>{heads}</tr>".encode())
        cells = "".join(f"<td>{escape(_cell(row.get(name)))}</td>" for name in names)
        file.write(f"<tr>{cells}</tr>\n".encode())
    file.write(f"<p>{escape(_('Nothing.'))}</p>".encode() if names is None else b"</table></div>")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return date_format(timezone.localtime(value, timezone.get_default_timezone()), "DATETIME_FORMAT")
    if isinstance(value, datetime.date):
        return date_format(value, "DATE_FORMAT")
    return _json(value) if isinstance(value, dict | list) else str(value)
