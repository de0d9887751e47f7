"""Writing tables out as CSV and xlsx that Chinese Excel reads and that no spreadsheet runs (reliability.md H02)."""

import csv
import datetime
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import IO, Any

import xlsxwriter
from django.utils import timezone

# None, text (lazy too), a whole number, a decimal, a date, an aware instant.
Cell = Any
Row = Sequence[Cell]

# What makes a spreadsheet read a text as a formula or a command, full-width forms and blanks before it included.
RUNS = re.compile(r"[\t\r\n]|[\s\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－﹣﹢＠﹫﹦]")
LONGEST_TEXT = 32_767  # Excel's limit of a cell, in UTF-16 units
EXACT = 10**15  # Excel keeps fifteen figures
ROWS_A_SHEET = 1_000_000
WIDTH = 14
LINES_A_PIECE = 500
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: one that begins like one gets an apostrophe in front."""
    return f"'{text}" if RUNS.match(text) else text


def csv_pieces(*, headers: Row, rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield a CSV in pieces of some hundred lines: UTF-8 with its mark, CRLF, texts guarded, numbers and dates plain (ISO)."""
    out = io.StringIO()
    writer = csv.writer(out)
    yield b"\xef\xbb\xbf"
    lines = itertools.chain([headers], rows)
    while piece := list(itertools.islice(lines, LINES_A_PIECE)):
        writer.writerows([_plain(cell) for cell in row] for row in piece)
        yield out.getvalue().encode()
        out.seek(0)
        out.truncate()


def write_csv(out: IO[bytes], *, headers: Row, rows: Iterable[Row]) -> None:
    """Write a CSV into a binary file, as `csv_pieces` makes it."""
    for piece in csv_pieces(headers=headers, rows=rows):
        out.write(piece)


def write_xlsx(
    out: IO[bytes], *, title: str, headers: Row, rows: Iterable[Row], at: datetime.datetime, widths: Sequence[int] = ()
) -> None:
    """Write an xlsx into a binary file, row by row in constant memory; `at` is the instant it says it was made.

    Headers stand on every sheet, which takes a million rows; `widths` are in characters.
    """
    book = xlsxwriter.Workbook(out, {"constant_memory": True})
    book.set_properties({"title": guarded(title), "created": at.astimezone(datetime.UTC).replace(tzinfo=None)})
    formats = {
        "head": book.add_format({"bold": True, "text_wrap": True, "valign": "top"}),
        "day": book.add_format({"num_format": "yyyy-mm-dd"}),
        "instant": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        "whole": book.add_format({"num_format": "#,##0"}),
        "decimal": book.add_format({"num_format": "#,##0.00##"}),
    }
    lines, is_full = iter(rows), True
    while is_full:
        sheet = _sheet(book, headers, widths, formats["head"])
        line = 0
        for line, row in enumerate(itertools.islice(lines, ROWS_A_SHEET), 1):
            for column, cell in enumerate(row):
                _write(sheet, line, column, cell, formats)
        is_full = line == ROWS_A_SHEET
    book.close()


def _sheet(book: xlsxwriter.Workbook, headers: Row, widths: Sequence[int], head: Any) -> Any:
    """Return a new sheet with its headers, which stay in sight."""
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    for column, header in enumerate(headers):
        sheet.set_column(column, column, widths[column] if column < len(widths) else WIDTH)
        sheet.write_string(0, column, _text(header), head)
    return sheet


def _plain(cell: Cell) -> str:
    """Return a cell as it stands in a CSV."""
    if cell is None:
        return ""
    if isinstance(cell, datetime.datetime):
        return timezone.localtime(cell, timezone.get_default_timezone()).isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, datetime.date):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    if isinstance(cell, int):
        return str(cell)
    return guarded(str(cell))


def _text(cell: Cell) -> str:
    """Return a cell as a text that fits into one of Excel's."""
    text = guarded(str(cell))
    while len(text.encode("utf-16-le")) > 2 * LONGEST_TEXT:
        text = text[: min(LONGEST_TEXT, len(text) - 1)]
    return text


def _write(sheet: Any, line: int, column: int, cell: Cell, formats: dict[str, Any]) -> None:
    """Write a cell by its kind; a number that Excel would round stands as text."""
    if cell is None:
        return
    if isinstance(cell, datetime.datetime):
        local = timezone.localtime(cell, timezone.get_default_timezone()).replace(tzinfo=None)
        sheet.write_datetime(line, column, local, formats["instant"])
    elif isinstance(cell, datetime.date):
        sheet.write_datetime(line, column, cell, formats["day"])
    elif isinstance(cell, int):
        if abs(cell) < EXACT:
            sheet.write_number(line, column, cell, formats["whole"])
        else:
            sheet.write_string(line, column, str(cell))
    elif isinstance(cell, Decimal):
        if len(cell.as_tuple().digits) <= 15:
            sheet.write_number(line, column, cell, formats["decimal"])
        else:
            sheet.write_string(line, column, f"{cell:f}")
    else:
        sheet.write_string(line, column, _text(cell))
