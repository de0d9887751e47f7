"""Tables that go out: read by Excel as they were meant, and run by no spreadsheet (H02)."""

import csv
import datetime
import io
import tracemalloc
from decimal import Decimal

import pytest
from django.utils.translation import gettext_lazy

from foundation import tables
from tests.spreadsheets import sheets

AT = datetime.datetime(2026, 11, 21, 18, 30, tzinfo=datetime.UTC)
CALLS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\nx",
    "＝1",
    "＋1",
    "－1",
    "＠a",
    " =1",
    "\ufeff=1",
    "\u200b+1",
    "\u3000@x",
]
HARMLESS = ["", "48", "a=b", "王*", "a-b", "−48", "'=1", "1@x", "“=1”", "·"]


def written(**table) -> bytes:
    out = io.BytesIO()
    tables.write_xlsx(out, title="Entries", at=AT, **table)
    return out.getvalue()


@pytest.mark.parametrize("text", CALLS)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe_in_cells_and_headers(text: str) -> None:
    line = b"".join(tables.csv_pieces(headers=[text], rows=[[text]]))
    book = sheets(written(headers=[text], rows=[[text]]))

    rows = list(csv.reader(io.StringIO(line.decode("utf-8-sig"), newline="")))
    assert rows == [[f"'{text}"], [f"'{text}"]]
    assert all(cell.startswith("'") for row in book[0] for cell in row)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_nobody_runs_stays_as_it_is(text: str) -> None:
    assert tables.guarded(text) == text


def test_a_csv_begins_with_its_mark_and_writes_numbers_and_dates_plainly() -> None:
    row = [-1_200, Decimal("12.3400"), datetime.date(2026, 11, 21), AT, None, gettext_lazy("Points"), '王,"*"']

    text = b"".join(tables.csv_pieces(headers=["a"] * 7, rows=[row]))

    assert text == (
        b"\xef\xbb\xbfa,a,a,a,a,a,a\r\n"
        + '-1200,12.3400,2026-11-21,2026-11-22 02:30:00+08:00,,Points,"王,""*"""\r\n'.encode()
    )


def test_an_xlsx_keeps_numbers_as_numbers_and_what_excel_would_round_as_text() -> None:
    rows = [[-1_200, 10**12, 2**63, Decimal("0.5"), datetime.date(2026, 11, 21), AT, None, "王*"]]

    [sheet] = sheets(written(headers=["a"] * 8, rows=rows))

    assert [*sheet[1][:5], sheet[1][6]] == ["-1200", "1000000000000", str(2**63), "0.5", "46347", "王*"]
    assert float(sheet[1][5]) == pytest.approx(46348 + 2.5 / 24)


def test_the_same_table_is_the_same_file() -> None:
    table = {"headers": ["a"], "rows": [["x"], [1]]}

    assert written(**table) == written(**table)


def test_a_table_without_rows_has_its_headers() -> None:
    assert b"".join(tables.csv_pieces(headers=["a", "b"], rows=[])) == b"\xef\xbb\xbfa,b\r\n"
    assert sheets(written(headers=["a", "b"], rows=[])) == [[["a", "b"]]]


def test_a_full_sheet_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS_A_SHEET", 3)

    book = sheets(written(headers=["a"], rows=([number] for number in range(7))))

    assert book == [[["a"], ["0"], ["1"], ["2"]], [["a"], ["3"], ["4"], ["5"]], [["a"], ["6"]]]


@pytest.mark.parametrize("character", ["字", "𠮷"])
def test_a_text_longer_than_a_cell_is_cut_to_it(character: str) -> None:
    [[_, [cell]]] = sheets(written(headers=["a"], rows=[[character * 40_000]]))

    assert set(cell) == {character}
    assert 32_700 < len(cell.encode("utf-16-le")) / 2 <= 32_767


def test_a_long_table_takes_no_more_memory_than_a_short_one() -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        for _piece in tables.csv_pieces(headers=["a", "b"], rows=(["x" * 50, number] for number in range(rows))):
            pass
        tables.write_xlsx(io.BytesIO(), title="t", headers=["a"], rows=([number] for number in range(rows)), at=AT)
        _now, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)
    assert peak(20_000) < peak(5_000) + 300_000
