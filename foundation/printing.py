"""Printing on paper: a PDF that shows Chinese wherever it is read, since it carries the letters it uses.

The font is Noto Sans CJK SC, cut to the Latin, Chinese and punctuation of Unicode (foundation/fonts, SIL Open Font License).
"""

import datetime
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

from fpdf import FPDF
from fpdf.enums import MethodReturnValue

FONT = Path(__file__).parent / "fonts" / "NotoSansCJKsc-Regular.subset.otf"
INK, QUIET, HAIRLINE = (20, 33, 61), (92, 97, 110), (228, 226, 218)
LINE = 5.4  # millimetres
# A letter that the font lacks is drawn as a box; whose name it stands in is not for the log.
logging.getLogger("fpdf").setLevel(logging.ERROR)
logging.getLogger("fontTools").setLevel(logging.ERROR)


class Paper(FPDF):
    """A4 pages with a running foot: text, pairs, and tables whose head comes again on every page."""

    def __init__(self, *, title: str, language: str, foot: str, page_words: str, at: datetime.datetime) -> None:
        """Begin a paper; `page_words` is such as "page %(page)s", `at` the instant that it says it was made."""
        super().__init__(format="A4")
        self.foot, self.page_words = foot, page_words
        self.set_margins(18, 16, 18)
        self.set_auto_page_break(True, margin=20)
        self.add_font("sans", "", str(FONT))
        self.set_title(title)
        self.set_lang(language)
        self.set_creation_date(at)
        self.add_page()

    def footer(self) -> None:
        """Write the foot of a page."""
        self.set_y(-14)
        self._ink(8, QUIET)
        self.cell(self.epw - 25, LINE, self.foot)
        self.cell(25, LINE, self.page_words % {"page": self.page_no()}, align="R")

    def heading(self, text: str, *, size: float = 16) -> None:
        """Write a heading."""
        self._ink(size, INK)
        self.multi_cell(0, size * 0.5, text, new_x="LMARGIN", new_y="NEXT")
        self.ln(1)

    def say(self, text: str) -> None:
        """Write a quiet sentence."""
        self._ink(9, QUIET)
        self.multi_cell(0, LINE, text, new_x="LMARGIN", new_y="NEXT")

    def pairs(self, rows: Iterable[tuple[str, str]]) -> None:
        """Write labels with their figures at the right."""
        for label, figure in rows:
            self._ink(10, INK)
            self.cell(self.epw - 40, 6.4, label, border="B")
            self.cell(40, 6.4, figure, border="B", align="R", new_x="LMARGIN", new_y="NEXT")
        self.ln(4)

    def tabulate(
        self, *, headers: Sequence[str], widths: Sequence[float], rows: Iterable[Sequence[str]], numbers: set[int]
    ) -> None:
        """Write a table; `widths` are in millimetres, columns in `numbers` are figures, at the right. A row is never torn."""
        self._row(headers, widths, numbers, QUIET)
        for row in rows:
            if self.y + self._height(row, widths) > self.page_break_trigger:
                self.add_page()
                self._row(headers, widths, numbers, QUIET)
            self._row(row, widths, numbers, INK)
        self.ln(4)

    def written(self) -> bytes:
        """Return the whole paper."""
        return bytes(self.output())

    def _ink(self, size: float, colour: tuple[int, int, int]) -> None:
        self.set_font("sans", size=size)
        self.set_text_color(*colour)
        self.set_draw_color(*HAIRLINE)

    def _height(self, row: Sequence[str], widths: Sequence[float]) -> float:
        self._ink(9, INK)
        heights = [
            cast(float, self.multi_cell(width, LINE, text, dry_run=True, output=MethodReturnValue.HEIGHT))
            for text, width in zip(row, widths, strict=True)
        ]
        return max(LINE, *heights) + 1.6

    def _row(
        self, row: Sequence[str], widths: Sequence[float], numbers: set[int], colour: tuple[int, int, int]
    ) -> None:
        height, top = self._height(row, widths), self.y
        self._ink(9, colour)
        for place, (text, width) in enumerate(zip(row, widths, strict=True)):
            self.set_xy(self.l_margin + sum(widths[:place]), top + 0.8)
            self.multi_cell(width, LINE, text, align="R" if place in numbers else "L")
        self.set_xy(self.l_margin, top + height)
        self.line(self.l_margin, self.y, self.l_margin + sum(widths), self.y)
