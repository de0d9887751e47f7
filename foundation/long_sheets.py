"""Large tables that people upload, read row by row in bounded memory: a hundred thousand rows and more (foundation.sheets for few).

Nothing of a file is trusted: neither its name nor its type, and not what it says of its own size. A workbook is looked through
before its reader may build anything: how large its parts unpack, and that no row is longer than any row can be.
"""

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Iterator
from typing import IO, BinaryIO

from django.utils.translation import gettext_lazy as _
from openpyxl import load_workbook

from foundation.refusals import Refusal
from foundation.sheets import (
    MOST_PARTS,
    ZIP_MAGIC,
    EncodingUnreadable,
    NotATable,
    SheetRefusal,
    TooManyColumns,
    cell_text,
    written,
)

MOST_BYTES = 32 * 2**20
# What an xlsx may unpack to: its sheets, which are streamed, its table of texts, and any other part, which are held.
MOST_SHEETS, MOST_TEXTS, MOST_OTHER = 256 * 2**20, 48 * 2**20, 4 * 2**20
MOST_COLUMNS = 60
# The longest line of a CSV, and the longest row of a sheet as XML.
LONGEST_LINE = 256 * 2**10
LONGEST_ROW = 2**20
BLOCK = 2**20
ROW = re.compile(rb"<(?:\w+:)?row[\s/>]")

Lines = Iterator[tuple[int, list[str]]]


class LongFileTooLarge(SheetRefusal):
    code = "long_file_too_large"
    status = 413
    sentence = _("The file is too large: 32 MB at most, and 256 MB unpacked.")


def lines(file: BinaryIO) -> Lines:
    """Yield the rows of a table with the number of the line each begins on, the headings among them, cells as texts.

    Blank rows are left out. CSV is read as UTF-8, with or without a byte order mark, else as GB18030, separated by comma, semicolon
    or tab. Refuses a SheetRefusal, the latest when it comes to what is wrong.
    """
    if file.seek(0, io.SEEK_END) > MOST_BYTES:
        raise LongFileTooLarge
    file.seek(0)
    is_book = file.read(len(ZIP_MAGIC)) == ZIP_MAGIC
    for line, cells in _xlsx(file) if is_book else _csv(file):
        if any(cells):
            if len(cells) > MOST_COLUMNS and any(cells[MOST_COLUMNS:]):
                raise TooManyColumns(most=MOST_COLUMNS)
            yield line, cells


def _csv(file: BinaryIO) -> Lines:
    encoding = _encoding_of(file)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        delimiter = max(",;\t", key=text.readline(LONGEST_LINE).count)
        text.seek(0)
        reader, last = csv.reader(_bounded(text), delimiter=delimiter, strict=True), 0
        for cells in reader:
            yield last + 1, [cell_text(cell) for cell in cells]
            last = reader.line_num
    except csv.Error as error:
        raise NotATable from error
    finally:
        text.detach()  # The file is its opener's to close.


def _bounded(text: IO[str]) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise TooManyColumns(most=MOST_COLUMNS)
        yield line


def _encoding_of(file: BinaryIO) -> str:
    """Return utf-8-sig where the whole file is UTF-8, else gb18030 where it is that; refuses encoding_unreadable, not_a_table."""
    for encoding in ("utf-8", "gb18030"):
        decoder = codecs.getincrementaldecoder(encoding)()
        file.seek(0)
        try:
            while block := file.read(BLOCK):
                if b"\x00" in block:
                    raise NotATable
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return "utf-8-sig" if encoding == "utf-8" else encoding
    raise EncodingUnreadable


def _xlsx(file: BinaryIO) -> Lines:
    """Yield the rows of the first sheet."""
    try:
        _look_through(file)
        file.seek(0)
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        # What a sheet says of its own extent may be wrong, and may be a million empty rows.
        sheet.reset_dimensions()
        for line, cells in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True), start=1):
            yield line, [cell_text(written(cell)) for cell in cells]
    except (Refusal, GeneratorExit):
        raise
    except Exception as error:  # The reader of other people's files raises whatever it stumbles over.
        raise NotATable from error


def _look_through(file: BinaryIO) -> None:
    """Refuse a workbook that unpacks to too much, or whose sheets hold a row longer than any row can be."""
    with zipfile.ZipFile(file) as parts:
        infos = parts.infolist()
        if "xl/workbook.xml" not in parts.namelist():
            raise NotATable
        sheets = [info for info in infos if info.filename.startswith("xl/worksheets/")]
        # Reading stops where a part's own header says, so the sizes said here are upper bounds.
        if len(infos) > MOST_PARTS or sum(info.file_size for info in sheets) > MOST_SHEETS:
            raise LongFileTooLarge
        for info in infos:
            most = MOST_TEXTS if info.filename == "xl/sharedStrings.xml" else MOST_OTHER
            if info not in sheets and info.file_size > most:
                raise LongFileTooLarge
        for info in sheets:
            with parts.open(info) as part:
                _look_through_rows(part)


def _look_through_rows(part: IO[bytes]) -> None:
    """Refuse a sheet with more than LONGEST_ROW bytes between the beginnings of two rows: its reader would hold them all."""
    place, begun, rest = 0, 0, b""
    while block := part.read(BLOCK):
        text = rest + block
        for found in ROW.finditer(text):
            here = place - len(rest) + found.start()
            if here - begun > LONGEST_ROW:
                raise TooManyColumns(most=MOST_COLUMNS)
            begun = here
        place += len(block)
        if place - begun > LONGEST_ROW + BLOCK:
            raise TooManyColumns(most=MOST_COLUMNS)
        rest = text[-16:]
    if place - begun > LONGEST_ROW:
        raise TooManyColumns(most=MOST_COLUMNS)
