"""A member's statements: on the screen, as a paper, as a table; in three languages, and nobody else's."""

import csv
import datetime
import io
from collections.abc import Callable

import pypdf
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from members import sealing
from members.models import Member
from points.models import Kind
from portal import statements
from tests.factories import EarningRuleVersionFactory, MemberFactory, PointCurrencyFactory, UserFactory
from tests.spreadsheets import sheets

Page = Callable[[str], str]
FIGURES = {"per": "amount", "amount_minor": 9_000, "rate": "0.1"}
AT = datetime.datetime(2026, 11, 25, 8, tzinfo=datetime.UTC)


def paper(content: bytes) -> str:
    """Return a PDF's text without its blanks, which readers guess from the letters' places."""
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)
    return "".join(text.replace("\0", "").split())


@pytest.fixture
def month(today: datetime.date) -> str:
    return f"{today:%Y-%m}"


def test_a_statement_is_the_opening_the_entries_and_the_closing(page: Page, post: Callable, month: str) -> None:
    version = EarningRuleVersionFactory()
    post(1_500, rule_version_id=version.pk, figures=FIGURES)
    post(-200)

    listed, shown = page("/statements/points"), page(f"/statements/points/{month}")

    assert f'href="/statements/points/{month}"' in listed
    assert ">1,300<" in listed
    assert '<span class="figure">1,300</span>' in shown
    assert str(version.rule) in shown
    assert "+1,500" in shown
    assert "−200" in shown


def test_a_csv_and_an_xlsx_say_the_same_and_run_nothing(
    client: Client, page: Page, post: Callable, month: str, today: datetime.date
) -> None:
    version = EarningRuleVersionFactory()
    version.rule.names = {"en": "=HYPERLINK(0)"}
    version.rule.save()
    post(50, rule_version_id=version.pk, figures=FIGURES)
    post(-20)

    text = client.get(f"/statements/points/{month}/csv")
    book = client.get(f"/statements/points/{month}/xlsx")

    content = b"".join(text.streaming_content)
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert [row[0] for row in rows] == ["No.", "", "1", "2", ""]
    assert [row[7] for row in rows[1:]] == ["0", "50", "30", "30"]
    assert rows[2][4:7] == ["'=HYPERLINK(0)", "¥90.00 × 0.1 = 50", "50"]
    assert text["Content-Disposition"] == f'attachment; filename="statement-points-{month}.csv"'
    [sheet] = sheets(b"".join(book.streaming_content))
    assert [row[-1] for row in sheet[1:]] == ["0", "50", "30", "30"]
    assert not any(cell.startswith("=") for row in sheet for cell in row)
    assert "no-store" in text["Cache-Control"]
    assert "no-store" in book["Cache-Control"]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["statement", "Opening balance", "Closing balance", "page 1"]),
        ("zh-hans", ["期初余额", "期末余额", "第 1 页"]),
        ("zh-hant", ["期初餘額", "期末餘額", "第 1 頁"]),
    ],
)
def test_a_paper_carries_its_words_and_the_member_s_name_in_each_language(
    mei: Member, post: Callable, today: datetime.date, language: str, words: list[str]
) -> None:
    post(1_234)
    currency = PointCurrencyFactory()
    with translation.override(language):
        made = statements.MadeOut.of(mei, currency, f"{today:%Y-%m}", holder="王小明 歐陽靜 𠮷", today=today)
        content = made.printed(at=AT)

    text = paper(content)
    assert all("".join(word.split()) in text for word in [*words, "王小明 歐陽靜 𠮷", mei.number, "+1,234"])
    assert content.startswith(b"%PDF")
    assert len(content) < 100_000
    [font] = pypdf.PdfReader(io.BytesIO(content)).pages[0]["/Resources"]["/Font"].values()
    assert "/FontFile3" in font["/DescendantFonts"][0]["/FontDescriptor"]


def test_a_long_month_runs_over_pages_and_loses_no_line(mei: Member, post: Callable, today: datetime.date) -> None:
    for points in range(1_001, 1_101):
        post(points)

    made = statements.MadeOut.of(mei, PointCurrencyFactory(), f"{today:%Y-%m}", holder="", today=today)
    content = made.printed(at=AT)

    text = paper(content)
    assert all(f"+{points:,}" in text for points in range(1_001, 1_101))
    assert len(pypdf.PdfReader(io.BytesIO(content)).pages) > 2
    assert content == made.printed(at=AT)


def test_a_member_reads_the_statements_of_nobody_else(client: Client, page: Page, post: Callable, month: str) -> None:
    post(77, member=MemberFactory(user=UserFactory()))

    assert "No points yet" in page("/statements/points")
    for form in ("", "/pdf", "/csv", "/xlsx"):
        assert client.get(f"/statements/points/{month}{form}").status_code == 404
    client.logout()
    assert client.get(f"/statements/points/{month}/pdf").status_code == 302


@pytest.mark.parametrize("address", ["points/2026-13", "points/x", "points/2020-01", "points/9999-12", "none/2026-01"])
def test_a_month_or_currency_that_is_none_is_not_found(
    client: Client, page: Page, post: Callable, address: str
) -> None:
    post(5)

    assert client.get(f"/statements/{address}").status_code == 404
    assert client.get(f"/statements/{address}/pdf").status_code == 404


def test_a_form_that_is_none_is_not_found(client: Client, page: Page, post: Callable, month: str) -> None:
    post(5)

    assert client.get(f"/statements/points/{month}/docx").status_code == 404


def test_a_statement_names_its_holder_in_clear(
    client: Client, page: Page, post: Callable, mei: Member, month: str
) -> None:
    sealing.seal_person(mei.pk, sealing.PersonalData(full_name="王小明")).save()
    post(5)

    assert "王小明" in paper(client.get(f"/statements/points/{month}/pdf").content)


def test_a_statement_takes_the_same_queries_for_one_entry_and_fifty(
    client: Client, page: Page, post: Callable, month: str
) -> None:
    version = EarningRuleVersionFactory()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(f"/statements/points/{month}")
        return len(captured)

    post(9, rule_version_id=version.pk, figures=FIGURES)
    one = queries()
    for _number in range(50):
        post(9, rule_version_id=version.pk, figures=FIGURES, kind=Kind.EARN)

    assert queries() == one <= 14
