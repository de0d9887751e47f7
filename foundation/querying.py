"""Statements too large for the ORM, each a file of its app: read once; and rows copied into a stage."""

import functools
import importlib.resources
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.backends.utils import CursorWrapper

# What COPY's text form wants escaped.
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@functools.cache
def statement(app: str, name: str) -> str:
    """Return the SQL of `<app>/sql/<name>.sql`."""
    return importlib.resources.files(app).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def copy_rows(cursor: CursorWrapper, *, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Stream `rows`, in the order of `columns`, into `table` by COPY; the names are ours, never a user's.

    A value is None, text, a number, a date, an aware instant, or a mapping (written as JSON).
    """
    cursor.copy_expert(
        f"COPY {table} ({', '.join(columns)}) FROM STDIN", _Lines("\t".join(map(_field, row)) + "\n" for row in rows)
    )


def _field(value: Any) -> str:
    # The commonest first: this runs for every cell of a million rows.
    if isinstance(value, str):
        return value.translate(ESCAPES) if value else ""
    if value is None:
        return "\\N"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False).translate(ESCAPES) if value else "{}"
    return str(value)


class _Lines:
    """A file over generated lines: holds one piece of the stream at a time."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._rest = b""

    def read(self, size: int) -> bytes:
        pieces, length = [self._rest], len(self._rest)
        while length < size and (line := next(self._lines, None)) is not None:
            pieces.append(line.encode())
            length += len(pieces[-1])
        whole = b"".join(pieces)
        self._rest = whole[size:]
        return whole[:size]
