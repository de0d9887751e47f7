"""Files that mean harm, or are merely odd: each refused at the field with its reason, under a cap of memory (H06), or read as it stands."""

import io
import subprocess
import sys
import zipfile

import pytest
from cryptography.exceptions import InvalidTag
from django.conf import settings

from foundation import long_sheets, sheets
from foundation.tables import csv_pieces
from importing import complaining, keeping
from importing.models import Import
from members.models import Member, Person
from members.sealing import hash_of, open_person
from tests.importing.cast import MEMBERS, Cast, assemble, checked, counts, faults, imported, upload, workbook

HEAD = "会员号,网点代码,入会日期,姓名\n"
SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble()


def repacked(**parts: bytes) -> bytes:
    """Return a sound workbook with some of its parts (by the last piece of their name) put in anew."""
    book, out = zipfile.ZipFile(io.BytesIO(workbook(["会员号"], ["1"]))), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in book.namelist():
            packed.writestr(name, parts.get(name.rpartition("/")[2].partition(".")[0], book.read(name)))
    return out.getvalue()


def bomb(part: str, size: int) -> bytes:
    """Return a workbook one part of which unpacks to more than `size` bytes of nothing."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b"<workbook/>")
        with packed.open(part, "w") as content:
            for _megabyte in range(size // 2**20 + 1):
                content.write(b" " * 2**20)
    return out.getvalue()


WIDE = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row>'
WIDE += b"<c/>" * 1_000_000 + b"</row></sheetData></worksheet>"
ENTITY = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
ENTITY += b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row>'
ENTITY += b'<c t="inlineStr"><is><t>&a;</t></is></c></row></sheetData></worksheet>'
HOSTILE = {
    "neither": (lambda: b"\x89PNG\r\n\x1a\n" + b"\xff\xfe" * 50, {"not_a_table", "encoding_unreadable"}),
    "a zip of something else": (lambda: _zip("hello.txt", b"x"), {"not_a_table"}),
    "half a workbook": (lambda: workbook(["a"], ["b"])[:900], {"not_a_table"}),
    "a bomb": (lambda: bomb(SHEET, long_sheets.MOST_SHEETS), {"long_file_too_large"}),
    "a bomb of texts": (lambda: bomb("xl/sharedStrings.xml", long_sheets.MOST_TEXTS), {"long_file_too_large"}),
    "a million columns": (lambda: repacked(sheet1=WIDE), {"too_many_columns"}),
    "an entity": (lambda: repacked(sheet1=ENTITY), {"not_a_table", "no_rows"}),
    "a hundred thousand columns": (lambda: b"a," * 100_000 + b"\n1\n", {"too_many_columns"}),
    "sixty-one columns": (lambda: ",".join(f"c{n}" for n in range(61)).encode() + b"\n1\n", {"too_many_columns"}),
    "an endless cell": (lambda: b'a\n"' + b"x" * 200_000 + b'"\n', {"not_a_table"}),
    "too many bytes": (lambda: b"a\n" + b"1\n" * (long_sheets.MOST_BYTES // 2), {"long_file_too_large"}),
    "nothing": (lambda: b"", {"no_rows"}),
    "headings alone": (lambda: HEAD.encode(), {"no_rows"}),
    "a heading twice": (lambda: b"a,A \n1,2\n", {"repeated_column"}),
    "a NUL": (lambda: b"a\n\x00\n", {"not_a_table"}),
}


def _zip(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_with_its_reason_and_nothing_is_kept(cast, what):
    """H06."""
    content, codes = HOSTILE[what]

    with pytest.raises(sheets.SheetRefusal) as refused:
        upload(cast, content())

    assert refused.value.code in codes
    assert 400 <= refused.value.status < 500
    assert not Import.objects.exists()


READ = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20, 400 * 2**20))
from django.conf import settings
settings.configure(USE_I18N=False)
from foundation import long_sheets, sheets
try:
    for _row in long_sheets.lines(open(sys.argv[1], "rb")):
        pass
except sheets.SheetRefusal as refusal:
    print(refusal.code)
"""


@pytest.mark.parametrize("what", ["a bomb", "a million columns", "a hundred thousand columns", "too many bytes"])
def test_what_is_refused_takes_little_memory(tmp_path, what):
    """H06: under an address space of 400 MB, the interpreter's own included."""
    content, codes = HOSTILE[what]
    (tmp_path / "file").write_bytes(content())

    said = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "file")],
        cwd=settings.BASE_DIR, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip

    assert said in codes


def test_names_of_any_script_come_in_or_are_refused_by_rule(cast):
    """H07: the same person in two forms is one; nothing is a fault of ours."""
    names = [
        "𠮷野家",
        "Zoe\u0301",
        "محمد",
        "\u202eevil",
        "a" * 81,
        "Z\u0301\u0302" * 30,
        "👩‍👩‍👧",
        "司马·光",
        "=HYPERLINK(1)",
    ]
    rows = "".join(f"8800{n},101,2020-05-01,{name},,,\n" for n, name in enumerate(names))

    import_ = imported(cast, MEMBERS + rows)

    refused = {line - 2 for line, _field, _code in faults(import_)}
    assert refused == {4}
    kept = {
        member.number: open_person(member.person).full_name
        for member in Member.objects.filter(number__startswith="8800")
    }
    assert kept["88001"] == "Zoé"
    assert "\u202e" not in kept["88003"]
    assert Person.objects.get(name_hash=hash_of("name", "Zoé")).member.number == "88001"


def test_no_spreadsheet_runs_what_the_error_file_gives_back(cast):
    """H02: the rows as they came, none of them a formula."""
    import_ = checked(cast, HEAD + '=1+1,101,never,＝cmd\n"@SUM(1)",101,never,-2+3\n')

    rows = list(complaining.refused_rows(import_, language="zh-hans"))
    text = b"".join(csv_pieces(headers=["a"], rows=rows)).decode()

    assert counts(import_) == {"error": 2}
    assert rows[0][0] == "=1+1"
    for line in text.splitlines()[1:]:
        assert all(cell.startswith("'") for cell in (line.split(",")[0].strip('"'), line.split(",")[3].strip('"')))


def test_rows_are_sealed_under_a_key_of_their_own(cast):
    one, other = upload(cast, HEAD + "1,101,2020-01-01,王\n"), upload(cast, HEAD + "1,101,2020-01-01,王\n")
    piece = one.pieces.get()

    for key, name in ((keeping.key_of(other), f"piece:{one.pk}:0"), (keeping.key_of(one), f"piece:{other.pk}:0")):
        with pytest.raises(InvalidTag):
            keeping.unseal(key, piece.sealed, bound_to=name)
