"""Imports in the console: the five steps by their pages, who gets in, and what the pages cost."""

import io
import uuid

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from foundation import long_sheets
from foundation.access.models import Role, User
from foundation.approvals.models import Request
from foundation.audit.models import AuditEvent
from foundation.sheets import MOST_BYTES
from importing.models import Import
from members.models import Member
from tests.approvals.cast import posted
from tests.importing.cast import MEMBERS, OPENING, Cast, again, assemble, checked, imported, upload, work

LIST = "/console/importing/import/"
ROWS = "88000001,101,2020-05-01,王小明,13800000001,,\n88000002,999,2020-05-01,李雷,13900000002,,\n"

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return assemble()


def signed_in(user: User, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(user)
    return client


def send(client: Client, content: bytes | str, **more: str):
    file = SimpleUploadedFile("members.csv", content.encode() if isinstance(content, str) else content)
    branch = client.get(f"{LIST}start/").context["form"].fields["branch"].queryset.get().pk
    form = {"kind": "members", "source": "old-core", "branch": branch, "file": file, "control_total": ""}
    return client.post(f"{LIST}start/", form | more)


def test_a_file_goes_through_the_five_steps(cast):
    client, checker = signed_in(cast.mo), signed_in(cast.bai)
    page = send(client, MEMBERS + ROWS).headers["Location"]
    import_ = Import.objects.get()
    columns = client.get(page).context["columns"]
    assert [field["chosen"] for field in columns["fields"]] == [0, 1, 2, 3, None, 4, 5, None, None, 6]

    client.post(
        f"{page}map/",
        {field["name"]: "" if field["chosen"] is None else field["chosen"] for field in columns["fields"]},
    )
    assert "Look again" in client.get(page).content.decode()
    work(import_)
    trial = client.get(page)
    assert [count for _word, count in trial.context["counts"]] == [1, 0, 0, 1]
    assert "None of your branches has this code." in trial.content.decode()
    asked = client.post(f"{page}ask/", {"id": str(uuid.uuid4()), "reason": "moving in"})
    assert asked.status_code == 302
    made = Request.objects.get()
    shown = checker.get(f"/console/approvals/request/{made.pk}/").content.decode()
    assert "members.csv" in shown and "left out, with an error" in shown.lower()
    checker.post(f"/console/approvals/request/{made.pk}/approve/", {"seen": made.payload_hash})
    work(import_)

    done = client.get(page)
    assert again(import_).status == "done"
    assert Member.objects.filter(number="88000001").exists()
    assert "Ask to take it back" in done.content.decode()


def test_the_error_file_gives_the_rows_back_and_leaves_a_trail(cast):
    import_ = imported(cast, MEMBERS + ROWS)
    client = signed_in(cast.mo, "zh-hans")

    answer = client.get(f"{LIST}{import_.pk}/errors.csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")

    assert text.splitlines()[1].startswith("88000002,999,2020-05-01,李雷,13900000002,,,3,")
    assert "no-store" in answer.headers["Cache-Control"]
    book = openpyxl.load_workbook(io.BytesIO(b"".join(client.get(f"{LIST}{import_.pk}/errors.xlsx").streaming_content)))
    assert book.active["A2"].value == "88000002"
    assert AuditEvent.objects.filter(verb="importing.give_rows", actor=cast.mo).count() == 2
    assert signed_in(cast.bai).get(f"{LIST}{import_.pk}/errors.csv").status_code == 403


@pytest.mark.parametrize(
    ("language", "heading"), [("en", "member number"), ("zh-hans", "会员号"), ("zh-hant", "會員編號")]
)
def test_a_template_is_headed_in_the_readers_language_and_comes_back_as_it_is(cast, language, heading):
    client = signed_in(cast.mo, language)
    for kind in ("members", "accounts", "snapshots", "holdings", "opening"):
        content = b"".join(client.get(f"{LIST}template-{kind}.xlsx").streaming_content)
        import_ = upload(cast, content, kind=kind, control_total=1)
        assert set(import_.mapping.values()) == set(range(len(import_.headers))), kind
    assert openpyxl.load_workbook(io.BytesIO(content)).active["A1"].value == heading
    assert client.get(f"{LIST}template-secrets.xlsx").status_code == 404


def test_what_is_wrong_with_a_form_stands_at_its_field(cast):
    client = signed_in(cast.mo)

    errors = [
        send(client, MEMBERS + ROWS, source="a/b").context["form"].errors,
        send(client, "tier,会员号\n1,2\n").context["form"].errors,
        send(client, OPENING + "A-WANG,points,1,2025-01-01,,\n", kind="opening").context["form"].errors,
        send(client, MEMBERS + ROWS, control_total="1e9").context["form"].errors,
        send(client, MEMBERS + ROWS, control_total="2.5").context["form"].errors,
        client.post(f"{LIST}start/", {}).context["form"].errors,
    ]

    assert [list(one) for one in errors[:5]] == [["source"], ["file"], *[["control_total"]] * 3]
    assert set(errors[5]) == {"kind", "source", "branch", "file"}
    assert not Import.objects.exists()
    import_ = upload(cast, MEMBERS + ROWS)
    refused = client.post(f"{LIST}{import_.pk}/map/", {"number": "0"})
    assert refused.status_code == 422
    assert "Say which column this is." in refused.content.decode()
    assert client.post(f"{LIST}{import_.pk}/map/", {"number": "9" * 30}).status_code == 422


def test_a_file_larger_than_other_pages_take_is_taken_here_and_one_too_large_nowhere(cast):
    """H06: the cap is the page's own."""
    client = signed_in(cast.mo)
    row = "9{:07},101,2020-05-01,王小明,,,\n"
    long = MEMBERS + "".join(row.format(n) for n in range(MOST_BYTES // 30))
    assert len(long.encode()) > MOST_BYTES

    assert send(client, long).status_code == 302
    assert send(client, b"a\n" + b"1\n" * (long_sheets.MOST_BYTES // 2 + 2**17)).status_code == 400
    assert Import.objects.count() == 1


def test_who_may_read_import_and_decide(cast):
    import_ = imported(cast, MEMBERS + ROWS)
    page, ask = f"{LIST}{import_.pk}/", f"{LIST}{import_.pk}/ask/"
    hua = posted(Role.BRANCH_MANAGER, cast.harbour, employee_number="E-HUA")
    teller = posted(Role.TELLER, cast.pudong, employee_number="E-T")

    people = {"other importer": cast.bai, "finance": cast.fang, "other branch": hua, "teller": teller}
    statuses = {}
    for name, user in people.items():
        client = signed_in(user)
        got = [client.get(address).status_code for address in (LIST, page, f"{LIST}start/")]
        statuses[name] = (*got, client.post(ask).status_code)

    assert statuses == {
        "other importer": (200, 200, 200, 403),
        "finance": (200, 200, 403, 403),
        "other branch": (200, 404, 200, 404),
        "teller": (403, 403, 403, 403),
    }
    assert Client().get(page).status_code == 302
    assert Client().post(f"{LIST}start/").status_code == 302


def test_an_import_that_failed_goes_on_where_it_stands(cast):
    import_ = checked(cast, MEMBERS + ROWS)
    Import.objects.filter(pk=import_.pk).update(status="failed", failed_while="checking", error="ValueError")
    client = signed_in(cast.mo)
    assert "ValueError" in client.get(f"{LIST}{import_.pk}/").content.decode()

    client.post(f"{LIST}{import_.pk}/resume/")
    work(import_)

    assert again(import_).status == "checked"
    assert "not_to_be" not in client.post(f"{LIST}{import_.pk}/resume/").content.decode()
    assert again(import_).status == "checked"


def test_a_file_that_turns_out_wrong_says_so_in_the_readers_language(cast):
    """Its headings were sound; a row further down is not."""
    import_ = upload(cast, MEMBERS + ROWS + '"open')
    client = signed_in(cast.mo, "zh-hans")
    client.post(f"{LIST}{import_.pk}/map/", dict(import_.mapping))

    work(import_)

    assert again(import_).status == "failed"
    page = client.get(f"{LIST}{import_.pk}/").content.decode()
    assert "xlsx" in page and "neither an xlsx" not in page


def test_the_list_and_a_page_take_few_statements(cast):
    for _copy in range(12):
        checked(cast, MEMBERS + ROWS)
    client = signed_in(cast.mo)
    costs = []
    for address in (LIST, f"{LIST}{Import.objects.latest('uploaded_at').pk}/"):
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        costs.append(len(queries))

    assert costs[0] <= 8
    assert costs[1] <= 14
