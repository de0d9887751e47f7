"""Files of members: from the upload to invited members, and back."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from foundation.approvals import deciding, requesting
from foundation.approvals.models import Request
from foundation.audit.models import AuditEvent
from foundation.sheets import ForbiddenColumn
from importing import asking, complaining, keeping, loading, mapping, undoing, uploading
from importing.models import Import, ImportChunk, ImportedMember, ImportPiece
from members.models import Member, Person
from members.sealing import open_person
from tests.factories import AccountFactory, MemberFactory
from tests.importing.cast import (
    AT,
    MEMBERS,
    Cast,
    again,
    approve,
    ask,
    ask_to_undo,
    assemble,
    checked,
    counts,
    faults,
    imported,
    undone,
    upload,
    work,
    workbook,
)

pytestmark = pytest.mark.django_db
ROWS = "88000001,101,2020-05-01,王小明,13800000001,110101199003070011,男\n88000002,100,2021/6/2,李雷,13900000002,,F\n"


@pytest.fixture
def cast() -> Cast:
    return assemble()


def test_members_come_in_invited_after_another_has_approved(cast):
    import_ = checked(cast, MEMBERS + ROWS)
    assert (import_.status, counts(import_)) == ("checked", {"new": 2})
    assert not Member.objects.filter(number__startswith="880").exists()

    approve(ask(import_), cast.bai)
    work(import_)

    [wang, li] = Member.objects.filter(number__startswith="880").order_by("number")
    assert (wang.state, li.state) == ("invited", "invited")
    assert (open_person(wang.person).full_name, open_person(li.person).gender) == ("王小明", "female")
    assert (again(import_).status, counts(again(import_))) == ("done", {"new": 2})


def test_the_same_file_twice_changes_nothing(cast):
    imported(cast, MEMBERS + ROWS)

    copy = checked(cast, MEMBERS + ROWS, name="renamed.csv")

    assert counts(copy) == {"unchanged": 2}
    with pytest.raises(asking.NothingToImport):
        ask(copy)


def test_a_trial_tells_new_changed_unchanged_and_wrong_apart_and_writes_nothing(cast):
    imported(cast, MEMBERS + ROWS)
    before = (Member.objects.count(), AuditEvent.objects.filter(verb="members.enrol").count())
    mixed = MEMBERS + (
        "88000001,101,2020-05-01,王小明,13800000001,110101199003070011,男\n"
        "88000002,100,2021-06-02,李蕾,13900000002,,F\n"
        "88000003,101,2022-01-01,赵六,,,\n"
        "88000004,101,someday,钱七,,,\n"
        "88000005,101,2022-01-01,孙八,,,?\n"
        ",101,2022-01-01,周九,,,\n"
        "88000003,101,2022-01-01,吴十,,,\n"
    )

    import_ = checked(cast, mixed)

    assert counts(import_) == {"new": 1, "changed": 1, "unchanged": 1, "error": 4}
    assert faults(import_) == [
        (5, "joined_on", "unreadable_date"),
        (6, "gender", "unlisted_code"),
        (7, "number", "missing"),
        (8, "", "repeated_row"),
    ]
    assert (Member.objects.count(), AuditEvent.objects.filter(verb="members.enrol").count()) == before


def test_a_branch_manager_imports_nobody_of_another_branch(cast):
    """F11, F03: neither into it, nor out of it."""
    MemberFactory(number="H-1", branch=cast.harbour)

    import_ = checked(
        cast, MEMBERS + "88000001,200,2020-05-01,王小明,,,\nH-1,101,2020-05-01,李雷,,,\nA-WANG,101,2020-05-01,王,,,\n"
    )

    assert faults(import_) == [(2, "branch_code", "unknown_branch"), (3, "number", "number_elsewhere")]
    assert counts(import_) == {"changed": 1, "error": 2}


def test_a_file_with_fewer_rows_than_its_control_total_says_is_not_taken_in(cast):
    """C18: of members the rows are counted, good and bad."""
    import_ = checked(cast, MEMBERS + ROWS, control_total=3)

    with pytest.raises(asking.ControlTotalDiffers):
        ask(import_)
    assert ask(checked(cast, MEMBERS + ROWS, control_total=2)).status == "pending"


def test_a_closed_membership_is_left_alone(cast):
    Member.objects.filter(pk=cast.wang.pk).update(status="closed", closed_on=AT.date())

    import_ = checked(cast, MEMBERS + "A-WANG,101,2020-05-01,王,,,\n")

    assert faults(import_) == [(2, "number", "closed_member")]


@pytest.mark.parametrize(
    "heading", ["is_staff", "Tier", "会员等级", "status", "积分余额", "Ｂａｌａｎｃｅ", "role", "password"]
)
def test_columns_that_set_rights_or_balances_are_refused(cast, heading):
    """F11."""
    with pytest.raises(ForbiddenColumn) as refused:
        upload(cast, f"会员号,网点代码,入会日期,{heading}\n88000001,101,2020-05-01,1\n")

    assert refused.value.field == "file"
    assert not Import.objects.exists()


def test_xlsx_and_gb18030_read_alike(cast):
    rows = [
        ["会员号", "网点代码", "入会日期", "姓名"],
        [88000001, "101", AT.date(), "𠮷野"],
        ["88000002", 101, "20210602", "王·明"],
    ]
    text = "\n".join(",".join(str(cell) for cell in row) for row in rows) + "\n"

    book = checked(cast, workbook(*rows), name="a.xlsx")
    gb = checked(cast, text.encode("gb18030"))
    bom = checked(cast, text.encode("utf-8-sig"))

    assert [counts(one) for one in (book, gb, bom)] == [{"new": 2}] * 3


def test_a_mapping_is_remembered_by_kind_source_and_headings(cast):
    odd = "A,B,C,D\n88000001,101,2020-05-01,王小明\n"
    first = upload(cast, odd)
    with pytest.raises(mapping.FieldUnmapped):
        uploading.map_columns(import_id=first.pk, places={"number": 0}, actor=_actor(cast), at=AT)
    with pytest.raises(mapping.ColumnUsedTwice):
        uploading.map_columns(
            import_id=first.pk, places={"number": 0, "branch_code": 0, "joined_on": 2}, actor=_actor(cast), at=AT
        )
    said = {"number": 0, "branch_code": 1, "joined_on": 2, "full_name": 3}
    uploading.map_columns(import_id=first.pk, places=said, actor=_actor(cast), at=AT)

    assert upload(cast, odd).mapping == said
    assert upload(cast, odd, source="other").mapping == {}
    assert upload(cast, odd.replace("D", "E")).mapping == {}


def _actor(cast):
    from foundation.actors import Actor

    return Actor(user=cast.mo)


def test_nobody_approves_his_own_and_only_those_who_may(cast):
    """F06: and finance lets no members in."""
    made = ask(checked(cast, MEMBERS + ROWS))

    for user, refusal in ((cast.mo, deciding.OwnRequest), (cast.fang, deciding.MayNotDecide)):
        with pytest.raises(refusal):
            approve(made, user)

    assert Request.objects.get().status == "pending"
    assert not Member.objects.filter(number__startswith="880").exists()


def test_only_who_uploaded_goes_on_with_a_file(cast):
    """F06: else one could upload, let a colleague ask, and approve his own file."""
    import_ = checked(cast, MEMBERS + ROWS)

    with pytest.raises(uploading.NotYourImport):
        ask(import_, by=cast.bai)

    assert not Request.objects.exists()


def test_an_approval_is_of_the_file_that_was_asked_for(cast):
    import_ = checked(cast, MEMBERS + ROWS)
    made = ask(import_)
    Import.objects.filter(pk=import_.pk).update(digest="0" * 64)

    with pytest.raises(requesting.Stale):
        approve(made, cast.bai)

    assert again(import_).status == "checked"
    with pytest.raises(uploading.NotToBeMapped):
        uploading.map_columns(import_id=import_.pk, places=import_.mapping, actor=_actor(cast), at=AT)


def test_what_the_trial_left_out_stays_out_though_it_would_pass_now(cast):
    """Who approved has seen it left out."""
    import_ = checked(cast, MEMBERS + "88000001,101,2020-05-01,王小明,,,\n88000002,999,2020-05-01,李雷,,,\n")
    made = ask(import_)
    cast.harbour.__class__.objects.filter(pk=cast.lujiazui.pk).update(code="999")
    cast.harbour.__class__.objects.filter(pk=cast.pudong.pk).update(code="101")

    approve(made, cast.bai)
    work(import_)

    assert faults(again(import_)) == [(3, "branch_code", "unknown_branch")]
    assert list(Member.objects.filter(number__startswith="880").values_list("number", flat=True)) == ["88000001"]


def test_personal_data_stand_sealed_and_go_when_they_are_done_with(cast):
    import_ = upload(cast, MEMBERS + ROWS + "bad,101,never,坏行,13700000003,,\n")
    assert not _clear(b"13800000001")
    work_done = imported_from(import_, cast)

    [chunk] = ImportChunk.objects.all()
    assert chunk.sealed is None
    assert not ImportPiece.objects.exists()
    assert not _clear(b"13700000003")
    [row] = complaining.refused_rows(work_done, language="en")
    assert list(row[:4]) == ["bad", "101", "never", "坏行"]
    assert row[-2:] == [4, "入会日期: The date must read like 2026-12-31."]
    assert uploading.forget(at=work_done.keep_until) == 1
    with pytest.raises(keeping.RowsGone):
        list(complaining.refused_rows(again(work_done), language="en"))
    assert ImportChunk.objects.get().refused is None


def imported_from(import_: Import, cast: Cast) -> Import:
    from tests.importing.cast import map_as_guessed

    mapped = map_as_guessed(import_)
    approve(ask(mapped), cast.bai)
    work(mapped)
    return again(mapped)


def _clear(text: bytes) -> bool:
    """Tell whether a text stands in clear in any table of the imports, the requests or the trail."""
    tables = [
        "importing_import", "importing_importpiece", "importing_importchunk", "importing_rememberedmapping", "importing_importedmember",
        "approvals_request", "approvals_decision", "audit_auditevent",
    ]  # fmt: skip
    found = []
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT t::text FROM {table} t")
            found += [row for [row] in cursor.fetchall()]
    return any(text.decode() in row or text.hex() in row for row in found)


def test_an_import_is_taken_back_as_a_batch(cast):
    import_ = imported(cast, MEMBERS + ROWS + "A-WANG,101,2019-01-01,王,,,\n")

    taken_back = undone(cast, import_)

    assert taken_back.status == "undone"
    assert not Member.objects.filter(number__startswith="880").exists()
    assert Person.objects.count() == 1  # Wang was there before, and stays as the file left him.
    assert not ImportedMember.objects.exists()
    assert counts(checked(cast, MEMBERS + ROWS)) == {"new": 2}


def test_nothing_is_taken_back_where_something_was_done_since(cast):
    import_ = imported(cast, MEMBERS + ROWS)
    AccountFactory(member=Member.objects.get(number="88000002"))
    before = Member.objects.count()

    with pytest.raises(undoing.DoneSince) as refused:
        ask_to_undo(import_)

    assert "lines 3." in str(refused.value)
    assert Member.objects.count() == before


def test_what_is_done_after_the_approval_stops_the_taking_back(cast):
    import_ = imported(cast, MEMBERS + ROWS)
    approve(ask_to_undo(import_), cast.bai)
    account = AccountFactory(member=Member.objects.get(number="88000001"))

    work(import_)

    stopped = again(import_)
    assert (stopped.status, stopped.refusal["code"]) == ("done", "done_since")
    assert Member.objects.filter(number__startswith="880").count() == 2
    account.delete()
    assert undone(cast, stopped).status == "undone"


def test_one_row_and_many_take_the_same_statements(cast):
    said = []
    for size in (1, 300):
        rows = "".join(f"{size}-{n},101,2020-05-01,王{n},1380000{n:04},,\n" for n in range(size))
        import_ = checked(cast, MEMBERS + rows)
        approve(ask(import_), cast.bai)
        [chunk], key = import_.chunks.all(), keeping.key_of(import_)
        with CaptureQueriesContext(connection) as queries:
            loading.take_in(import_=import_, chunk=chunk, key=key, at=AT)
        said.append(len(queries))
        assert ImportedMember.objects.filter(of=import_).count() == size

    assert said[0] == said[1] < 30
