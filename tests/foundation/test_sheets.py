"""Uploaded tables: what is read, in which encodings, and every file that is refused whole."""

import datetime
import io
import tracemalloc
import zipfile

import pytest
from openpyxl import Workbook

from foundation import sheets, tables
from foundation.sheets import Column

AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
COLUMNS = (
    Column(field="member", headings=("member number", "会员号", "會員編號")),
    Column(field="points", headings=("points", "积分", "積分")),
    Column(field="day", headings=("expires on", "到期日"), required=False),
    Column(field="", headings=("line",), required=False),
)


def read(content, *, most_rows=5):
    return sheets.read(content, columns=COLUMNS, forbidden=["tier", "is_staff", "等级"], most_rows=most_rows)


def workbook(*rows, **cells):
    """Return an xlsx of these rows, and of single cells such as A9=5."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    for name, value in cells.items():
        book.active[name] = value
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def repacked(content, **parts):
    """Return an xlsx with some of its parts replaced or added (`__` stands for a slash and `_xml` for .xml)."""
    written = io.BytesIO()
    replaced = {name.replace("__", "/").replace("_xml", ".xml"): text for name, text in parts.items()}
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, replaced.pop(name, None) or old.read(name))
        for name, text in replaced.items():
            new.writestr(name, text)
    return written.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_is_read_in_the_encodings_that_staff_save(encoding, delimiter):
    text = delimiter.join(["会员号", "积分", "到期日"]) + f"\r\nA1{delimiter} 500 \r\n\r\n'王'{delimiter}-3\r\n"

    assert read(text.encode(encoding)) == [
        {"line": 2, "member": "A1", "points": "500", "day": ""},
        {"line": 4, "member": "'王'", "points": "-3", "day": ""},
    ]


def test_a_line_is_where_the_row_begins_though_a_cell_goes_on():
    assert [row["line"] for row in read(b'Member_Number,POINTS\n"A\n1",5\nB,6\n')] == [2, 4]


def test_an_xlsx_is_read_as_a_person_would_have_typed_it():
    content = workbook(
        ["會員編號 / member number", "積分", "Expires  On"],
        ["A1", 500, datetime.datetime(2026, 12, 31)],  # noqa: DTZ001  (a workbook knows no zones)
        [None, None, None],
        ["'-B", -3.0, datetime.date(2026, 1, 2)],
        [7, 1.5, True],
    )

    assert read(content) == [
        {"line": 2, "member": "A1", "points": "500", "day": "2026-12-31"},
        {"line": 4, "member": "-B", "points": "-3", "day": "2026-01-02"},
        {"line": 5, "member": "7", "points": "1.5", "day": "True"},
    ]


@pytest.mark.parametrize(
    ("refusal", "content"),
    [
        (sheets.NotATable, b"PK\x03\x04 and nothing of a workbook"),
        (sheets.NotATable, b"member number,points\nA\x001,5\n"),
        (sheets.NotATable, b'member number,points\n"A1,5\n'),
        (sheets.NotATable, b"member number,points\n" + b"x" * 200_000 + b",5\n"),
        (sheets.NotATable, workbook(["member number", "points"])[:900]),
        (sheets.UnknownColumn, b"%PDF-1.7 a document\n"),
        (sheets.EncodingUnreadable, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 600),
        (sheets.EncodingUnreadable, b"member number,points\n\xff\xff,5\n"),
        (sheets.FileTooLarge, b"member number,points\n" + b"A1,5\n" * 1_100_000),
        (sheets.TooManyRows, b"member number,points\n" + b"A1,5\n" * 6),
        (sheets.TooManyRows, workbook(["member number", "points"], *[["A1", 5]] * 6)),
        (sheets.TooManyColumns, ",".join(map(str, range(600_000))).encode() + b"\n"),
        (sheets.TooManyColumns, workbook(["member number", "points", *range(30)])),
        (sheets.NoRows, b""),
        (sheets.NoRows, b"member number,points\n\n\n"),
        (sheets.ForbiddenColumn, b"member number,points,is_staff\nA1,5,true\n"),
        (sheets.ForbiddenColumn, b"member number,points,Is Staff\nA1,5,true\n"),
        (sheets.ForbiddenColumn, "member number,points,ｔｉｅｒ\nA1,5,gold\n".encode()),
        (sheets.ForbiddenColumn, workbook(["member number", "points", "等级"], ["A1", 5, "gold"])),
        (sheets.UnknownColumn, b"member number,points,note\nA1,5,x\n"),
        (sheets.UnknownColumn, b"member number,points\nA1,5,gold\n"),
        (sheets.RepeatedColumn, "points,member number,积分\n1,A1,5\n".encode()),
        (sheets.MissingColumn, b"member number\nA1\n"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_ours_is_refused_whole(refusal, content):
    with pytest.raises(refusal) as refused:
        read(content)

    assert type(refused.value) is refusal
    assert str(refused.value)


def test_a_zip_bomb_is_not_unpacked():
    """H06: 400 MB of blanks in half a megabyte; and a workbook of a thousand parts."""
    bomb = repacked(workbook(["member number", "points"], ["A1", 5]), xl__bomb_xml=b" " * 400 * 1024 * 1024)
    many = repacked(workbook(["member number", "points"], ["A1", 5]), **{f"xl__p{n}_xml": b"" for n in range(1_000)})
    tracemalloc.start()

    for content in (bomb, many):
        assert len(content) < sheets.MOST_BYTES
        with pytest.raises(sheets.FileTooLarge):
            read(content)

    assert tracemalloc.get_traced_memory()[1] < 10 * 1024 * 1024
    tracemalloc.stop()


def test_entities_in_a_workbook_are_refused():
    """H06: neither a billion laughs nor a file of the server's."""
    plain = workbook(["member number", "points"], ["A1", 5])
    laughs = b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><workbook>&b;</workbook>'
    outside = b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet>&a;</worksheet>'

    for content in (repacked(plain, xl__workbook_xml=laughs), repacked(plain, xl__worksheets__sheet1_xml=outside)):
        with pytest.raises(sheets.NotATable):
            read(content)


def test_a_sheet_that_claims_a_million_rows_is_read_to_its_last_real_one():
    content = workbook(["member number", "points"], ["A1", 5], A1048576="A2", B1048576=6)

    assert [row["member"] for row in read(content)] == ["A1", "A2"]


def test_what_is_written_reads_back():
    rows = [["A1", "-500", ""], ["=cmd", "+3", "2026-12-31"]]
    headings = [column.heading for column in COLUMNS if column.field]
    workbook = io.BytesIO()

    csv_back = read(b"".join(tables.csv_pieces(headers=headings, rows=rows)))
    tables.write_xlsx(workbook, title="t", headers=headings, rows=[["A1", -500, ""], ["=cmd", 3, "2026-12-31"]], at=AT)
    xlsx_back = read(workbook.getvalue())

    assert [list(row.values())[1:] for row in csv_back] == rows
    assert [row["points"] for row in xlsx_back] == ["-500", "3"]
    assert xlsx_back[1]["member"] == "=cmd"
