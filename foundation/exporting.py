"""What leaves the house as a spreadsheet: no cell may start a formula in whatever program opens it."""

from typing import Any

# Also as full-width signs, which some programs take alike.
STARTS_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def safe(cell: Any) -> Any:
    """Return a cell as it is or, where it is a text that a spreadsheet would run, behind an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(STARTS_FORMULA) else cell
