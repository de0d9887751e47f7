"""Reading an xlsx in a test as what it is: a zip of XML."""

import io
import re
import zipfile
from xml.etree import ElementTree

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheets(content: bytes) -> list[list[list[str]]]:
    """Return the rows of each sheet, cells as text; a formula stands as "=…"; what is not written is left out."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        names = sorted(
            (name for name in book.namelist() if name.startswith("xl/worksheets/sheet")),
            key=lambda name: int(re.sub(r"\D", "", name)),
        )
        return [_rows(ElementTree.fromstring(book.read(name))) for name in names]


def _rows(sheet: ElementTree.Element) -> list[list[str]]:
    return [[_cell(cell) for cell in row.iter(f"{MAIN}c")] for row in sheet.iter(f"{MAIN}row")]


def _cell(cell: ElementTree.Element) -> str:
    if (formula := cell.find(f"{MAIN}f")) is not None:
        return f"={formula.text}"
    if (value := cell.find(f"{MAIN}v")) is not None:
        return value.text or ""
    return "".join(text.text or "" for text in cell.iter(f"{MAIN}t"))
