"""Tables that people upload: xlsx and CSV, read as text under caps (foundation.tables writes what they download).

Nothing of a file is trusted: neither its name nor its type, and not what it says of its own size.
"""

import csv
import dataclasses
import datetime
import io
import re
import unicodedata
import zipfile
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _
from openpyxl import load_workbook

from foundation.masking import HIDDEN
from foundation.refusals import Refusal
from foundation.tables import RUNS

MOST_BYTES = 5 * 1024 * 1024
# What an xlsx may unpack to, over all of its parts, and how many parts it may have.
MOST_UNPACKED = 40 * 1024 * 1024
MOST_PARTS = 200
MOST_COLUMNS = 20
LONGEST_CELL = 1_000
ZIP_MAGIC = b"PK\x03\x04"


class SheetRefusal(Refusal):
    """A file that is not taken, whole."""

    code = "sheet_refused"
    status = 422


class FileTooLarge(SheetRefusal):
    code = "file_too_large"
    status = 413
    sentence = _("The file is too large: 5 MB at most, and 40 MB unpacked.")


class NotATable(SheetRefusal):
    code = "not_a_table"
    sentence = _("This is neither an xlsx workbook nor a CSV text, or it is damaged.")


class EncodingUnreadable(SheetRefusal):
    code = "encoding_unreadable"
    sentence = _("The text is neither UTF-8 nor GB18030. Save the file as xlsx or as CSV in UTF-8.")


class TooManyRows(SheetRefusal):
    code = "too_many_rows"
    sentence = _("The file has more than %(most)s rows. Cut it into several.")


class TooManyColumns(SheetRefusal):
    code = "too_many_columns"
    sentence = _("The file has more than %(most)s columns.")


class NoRows(SheetRefusal):
    code = "no_rows"
    sentence = _("The file has no rows below its headings.")


class ForbiddenColumn(SheetRefusal):
    code = "forbidden_column"
    sentence = _("The column “%(column)s” can't be set by a file.")


class UnknownColumn(SheetRefusal):
    code = "unknown_column"
    sentence = _("The column “%(column)s” is not known here.")


class RepeatedColumn(SheetRefusal):
    code = "repeated_column"
    sentence = _("The column “%(column)s” stands there twice.")


class MissingColumn(SheetRefusal):
    code = "missing_column"
    sentence = _("The column “%(column)s” is missing.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """A column by the field it fills and its headings, in any language; one without a field is skipped."""

    field: str
    headings: tuple[str, ...]
    required: bool = True

    @property
    def heading(self) -> str:
        """Return the heading in all languages, as a template has it."""
        return " / ".join(self.headings)


def read(
    content: bytes, *, columns: Sequence[Column], forbidden: Collection[str] = (), most_rows: int
) -> list[dict[str, Any]]:
    """Return the rows below the headings as texts by field, "" where a cell is empty, and `line`, the row's line in the file.

    Blank rows are skipped. CSV is read as UTF-8, with or without a byte order mark, else as GB18030. Refuses a SheetRefusal.
    """
    if len(content) > MOST_BYTES:
        raise FileTooLarge
    lines = _xlsx(content) if content.startswith(ZIP_MAGIC) else _csv(content)
    fields: list[str] | None = None
    rows: list[dict[str, Any]] = []
    for line, cells in lines:
        if not any(cells):
            continue
        if fields is None:
            fields = _fields(cells, columns=columns, forbidden=forbidden)
            continue
        if len(cells) > len(fields) and any(cells[len(fields) :]):
            raise UnknownColumn(column=next(filter(None, cells[len(fields) :]))[:40])
        if len(rows) == most_rows:
            raise TooManyRows(most=f"{most_rows:,}")
        row = {column.field: "" for column in columns if column.field}
        row |= {field: cell for field, cell in zip(fields, cells, strict=False) if field}
        rows.append({"line": line, **row})
    if not rows:
        raise NoRows
    return rows


def _fields(cells: list[str], *, columns: Sequence[Column], forbidden: Collection[str]) -> list[str]:
    """Return the field of each heading, "" for one that is skipped."""
    known = {plain_heading(heading): column for column in columns for heading in column.headings}
    barred = {plain_heading(heading) for heading in forbidden}
    while cells and not cells[-1]:
        cells.pop()
    if len(cells) > MOST_COLUMNS:
        raise TooManyColumns(most=MOST_COLUMNS)
    fields = []
    for cell in cells:
        parts = [plain_heading(part) for part in re.split(r"[/\n]", cell)]
        if barred.intersection(parts):
            raise ForbiddenColumn(column=cell[:40])
        column = next((known[part] for part in parts if part in known), None)
        if column is None:
            raise UnknownColumn(column=cell[:40])
        if column.field and column.field in fields:
            raise RepeatedColumn(column=cell[:40])
        fields.append(column.field)
    for column in columns:
        if column.required and column.field not in fields:
            raise MissingColumn(column=column.heading)
    return fields


def plain_heading(heading: str) -> str:
    """Return a heading as headings are compared: width, case, underscores and runs of blanks don't count."""
    return " ".join(unicodedata.normalize("NFKC", heading).replace("_", " ").lower().split())


def _csv(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of a CSV text: separated by comma, semicolon or tab, whichever the headings have most of."""
    text = None
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    if text is None:
        raise EncodingUnreadable
    if "\x00" in text:
        raise NotATable
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader, last = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 0
    try:
        for cells in reader:
            yield last + 1, [cell_text(cell) for cell in cells]
            last = reader.line_num
    except csv.Error as error:
        raise NotATable from error


def _xlsx(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of the first sheet, as many columns as could be allowed; what unpacks to too much is not unpacked at all."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            infos = parts.infolist()
            # Reading stops where a part's own header says, so the sizes said here are upper bounds.
            if len(infos) > MOST_PARTS or sum(info.file_size for info in infos) > MOST_UNPACKED:
                raise FileTooLarge
            if "xl/workbook.xml" not in parts.namelist():
                raise NotATable
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        # What a sheet says of its own extent may be wrong, and may be a million empty rows.
        sheet.reset_dimensions()
        for line, cells in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True), start=1):
            yield line, [cell_text(written(cell)) for cell in cells]
    except Refusal:
        raise
    except Exception as error:  # The reader of other people's files raises whatever it stumbles over.
        raise NotATable from error


def written(value: Any) -> str:
    """Return a cell as a person would have typed it: whole numbers without a point, dates as 2026-12-31."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value)


def cell_text(cell: str) -> str:
    """Return a cell without blanks around it, hidden characters, and the mark that tables.guarded had put before it."""
    cell = HIDDEN.sub(" ", cell[:LONGEST_CELL]).strip()
    return cell[1:] if cell.startswith("'") and RUNS.match(cell[1:]) else cell
