"""Corrections by file: a trial with an error per row, one request for the whole, and one booking in a few statements."""

import uuid

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation.access.models import Role
from foundation.actors import Actor
from foundation.approvals import requesting
from foundation.approvals.models import Request
from foundation.refusals import Refusal
from foundation.sheets import ForbiddenColumn
from members.models import Member
from points import adjusting, checking, correcting, ledger, uploading
from points.models import CorrectionFile, Entry, Kind
from tests.approvals.cast import AT, LATER, Cast, approve, assemble, picture, posted, status_of
from tests.factories import MemberFactory, PointCurrencyFactory
from tests.points.cast import CLERK, asked, books_ok, purse_of

TODAY = AT.date()
HEADINGS = "member number,currency,points,reason,expires on\n"


@pytest.fixture
def cast(db: None) -> Cast:
    return assemble()


def keep(cast: Cast, text: str, *, name: str = "march.csv", by=None) -> CorrectionFile:
    return uploading.keep(name=name, content=(HEADINGS + text).encode(), user=by or cast.lin, at=AT)


def ask(kept: CorrectionFile, *, at=AT) -> Request:
    return uploading.ask(kept=kept, reason="outage of 1 March", actor=Actor(user=kept.uploaded_by), at=at)


def refused(refusal: type[Refusal], call, *arguments, **more) -> None:
    before = picture()
    # The edge's transaction, which ends with the refusal.
    with pytest.raises(refusal), transaction.atomic():
        call(*arguments, **more)
    assert picture() == before


def crowd_file(cast: Cast, size: int) -> tuple[list[Member], CorrectionFile]:
    """Return so many members of Lujiazui, and a file that credits each of them with 10."""
    crowd = MemberFactory.create_batch(size, branch=cast.lujiazui)
    return crowd, keep(cast, "".join(f"{member.number},points,10,sorry,\n" for member in crowd))


def test_a_file_becomes_one_request_and_one_approval_books_it_all(cast):
    chen = MemberFactory(branch=cast.pudong)
    kept = keep(cast, f"A-WANG,points,-400,double,\n{chen.number},points,+25,goodwill,2026-06-30\n", by=cast.mo)

    made = ask(kept)
    untouched = Entry.objects.filter(kind=Kind.ADJUST).count()
    approve(made, cast.fang)

    assert (made.pk, made.branch, made.amount, made.worth_minor) == (kept.pk, cast.pudong, 425, -750)
    assert [(row["line"], row["points"], row["expires_on"]) for row in made.payload["rows"]] == [
        (2, -400, None),
        (3, 25, "2026-06-30"),
    ]
    assert untouched == 0
    assert purse_of(cast.wang, cast.points)["available"] == 600
    assert purse_of(chen, cast.points) == {"available": 25, "credited": 25, "entries": 1}
    assert Entry.objects.get(member_id=chen.pk).figures == {"reason": "goodwill", "line": 3}
    assert books_ok()


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("NOBODY,points,5,x,", "member", "unknown_member"),
        ("A-FAR,points,5,x,", "member", "unknown_member"),
        ("A-GONE,points,5,x,", "member", "closed_member"),
        ("A-WANG,miles,5,x,", "currency", "unknown_point_currency"),
        *(
            (f'A-WANG,points,"{points}",x,', "points", "points_out_of_range")
            for points in (
                "0",
                "",
                "1.5",
                "1,000",
                "1e3",
                "0x10",
                "NaN",
                "١٢٣",
                "５",
                "1000000000001",
                "9" * 30,
                "--5",
                "5 5",
            )
        ),
        ("A-WANG,points,5,,", "reason", "reason_missing"),
        (f"A-WANG,points,5,{'x' * 201},", "reason", "reason_missing"),
        ("A-WANG,points,5,x,31/12/2026", "expires_on", "date_unreadable"),
        ("A-WANG,points,5,x,2026-02-30", "expires_on", "date_unreadable"),
        ("A-WANG,points,5,x,2026-03-01", "expires_on", "date_has_passed"),
        ("A-WANG,points,-5,x,2026-12-31", "expires_on", "date_not_for_these"),
        ("A-WANG,growth,5,x,2026-12-31", "expires_on", "date_not_for_these"),
        ("A-WANG,points,-1002,x,", "points", "insufficient"),
    ],
)
def test_a_row_that_cannot_be_booked_says_its_line_field_and_reason(cast, row, field, code):
    """E06 and the trial: the good row beside it stands, the file is not asked for, nothing is written."""
    PointCurrencyFactory(growth=True)
    MemberFactory(number="A-FAR", branch=cast.harbour)
    MemberFactory(number="A-GONE", branch=cast.lujiazui, status="closed", closed_on=TODAY)
    kept = keep(cast, f"A-WANG,points,1,fine,\n{row}\n")

    checked = uploading.dry_run(kept, today=TODAY)

    assert [(error.line, error.field, error.code) for error in checked.errors] == [(3, field, code)]
    assert checked.errors[0].sentence
    assert [row["line"] for row in checked.rows] == [2]
    refused(uploading.RowsRefused, ask, kept)


def test_debits_of_one_purse_are_weighed_together_with_its_credits(cast):
    kept = keep(cast, "A-WANG,points,-900,a,\nA-WANG,points,-200,b,\nA-WANG,points,50,c,\n")
    enough = keep(cast, "A-WANG,points,-900,a,\nA-WANG,points,-200,b,\nA-WANG,points,100,c,\n")

    short = [error.line for error in uploading.dry_run(kept, today=TODAY).errors]
    approve(ask(enough), cast.mo)

    assert short == [2, 3]
    assert purse_of(cast.wang, cast.points) == {"credited": 1_100, "debited": 1_100, "entries": 4}


def test_a_row_that_stands_there_twice_is_told(cast):
    kept = keep(cast, "A-WANG,points,5,x,\n A-WANG ,points,+5,x,\n")

    assert [(error.line, error.code) for error in uploading.dry_run(kept, today=TODAY).errors] == [(3, "repeated_row")]


@pytest.mark.parametrize("column", ["tier", "balance", "is_staff", "branch"])
def test_a_file_sets_nothing_but_points(cast, column):
    """F11."""
    refused(
        ForbiddenColumn,
        uploading.keep,
        name="x.csv", content=f"member number,currency,points,reason,{column}\nA-WANG,points,5,x,1\n".encode(),
        user=cast.lin, at=AT,
    )  # fmt: skip
    assert not CorrectionFile.objects.exists()


def test_what_was_spent_meanwhile_refuses_the_whole_file_and_leaves_it_waiting(cast):
    crowd, _kept = crowd_file(cast, 3)
    kept = keep(cast, f"{crowd[0].number},points,10,x,\nA-WANG,points,-1000,x,\n")
    made = ask(kept)
    ledger.post([asked(cast.wang, cast.points, -1)], actor=CLERK)

    refused(adjusting.Insufficient, approve, made, cast.mo)

    assert status_of(made) == "pending"
    with pytest.raises(adjusting.Insufficient, match=r"3 \(A-WANG\)"), transaction.atomic():
        approve(made, cast.mo)


def test_an_earning_leaves_a_file_as_it_is_and_another_correction_makes_it_stale(cast):
    """F16: a file stands on its own, but nobody is corrected twice for one thing."""
    first, second = keep(cast, "A-WANG,points,5,x,\n"), keep(cast, "A-WANG,points,6,x,\n")
    made, rival = ask(first), ask(second)
    ledger.post([asked(cast.wang, cast.points, 7)], actor=CLERK)

    approve(made, cast.mo)

    refused(requesting.Stale, approve, rival, cast.mo)
    # One that saw the correction is fresh, whatever the clocks of the two say.
    approve(ask(keep(cast, "A-WANG,points,8,x,\n")), cast.mo)


def test_the_same_rows_are_asked_for_once_whatever_the_files_name(cast):
    """B12."""
    made = ask(keep(cast, "A-WANG,points,5,x,\n"))
    copy = keep(cast, "A-WANG,points,5,x,\n", name="renamed.csv")

    refused(requesting.AlreadyRequested, ask, copy)
    again = ask(CorrectionFile.objects.get(pk=made.pk))
    approve(made, cast.mo)
    refused(requesting.AlreadyRequested, ask, copy)

    assert again.pk == made.pk


def test_what_came_to_nothing_is_asked_for_anew_by_its_maker_alone(cast):
    made = ask(keep(cast, "A-WANG,points,5,x,\n"))
    arguments = {"request_id": made.pk, "id": uuid.uuid4(), "at": LATER}
    refused(requesting.AlreadyRequested, requesting.again, **arguments, actor=Actor(user=cast.lin))
    requesting.withdraw(request_id=made.pk, actor=Actor(user=cast.lin), at=LATER)
    refused(requesting.NotYours, requesting.again, **arguments, actor=Actor(user=cast.mo))

    new = requesting.again(**arguments, actor=Actor(user=cast.lin))
    approve(new, cast.mo, at=LATER)

    assert (new.payload_hash, new.content_key) == (made.payload_hash, made.content_key)
    assert purse_of(cast.wang, cast.points)["available"] == 1_005


def test_a_programme_manager_corrects_by_file_whom_he_cannot_read(cast):
    """He types the numbers that a list of complaints gave him; the approval is somebody else's all the same."""
    manager = posted(Role.PROGRAMME_MANAGER, cast.pudong)

    made = ask(keep(cast, "A-WANG,points,5,x,\n", by=manager))
    approve(made, cast.mo)

    assert status_of(made) == "approved"


def test_a_file_is_kept_for_a_week(cast):
    old = keep(cast, "A-WANG,points,5,x,\n")
    CorrectionFile.objects.update(uploaded_at=AT.replace(month=2, day=20))

    new = keep(cast, "A-WANG,points,5,x,\n")

    assert [old.pk != new.pk, *CorrectionFile.objects.values_list("pk", flat=True)] == [True, new.pk]


def test_one_row_and_fifteen_hundred_take_the_same_statements(cast):
    """Checking, asking and booking are by sets; above 1,000 rows the ledger copies instead of carrying literals (2 more)."""
    counts = []
    # The first only reads who is posted where, which is kept with the user.
    for size in (1, 1, 300, 1_500):
        crowd, kept = crowd_file(cast, size)
        with CaptureQueriesContext(connection) as checked:
            uploading.dry_run(kept, today=TODAY)
        with CaptureQueriesContext(connection) as asking:
            made = ask(kept)
        with CaptureQueriesContext(connection) as approving:
            approve(made, cast.fang)
        counts.append((len(checked), len(asking), len(approving)))
        assert Entry.objects.filter(member_id__in=[member.pk for member in crowd], kind=Kind.ADJUST).count() == size

    _first, few, many, copied = counts
    assert few == many
    assert copied[:2] == few[:2]
    assert 0 < copied[2] - few[2] <= 6
    assert few[0] <= 3
    assert books_ok()


def test_the_branch_of_a_file_is_the_lowest_over_its_members(cast):
    far, near = MemberFactory(branch=cast.harbour), MemberFactory(branch=cast.pudong)

    assert correcting.branch_over({cast.wang.pk}) == cast.lujiazui
    assert correcting.branch_over({cast.wang.pk, near.pk}) == cast.pudong
    assert correcting.branch_over({cast.wang.pk, far.pk}).code == "000"


def test_the_default_expiry_is_the_currencys(cast):
    growth = PointCurrencyFactory(growth=True)

    lasting = checking.Lasting(today=TODAY)
    with CaptureQueriesContext(connection) as queries:
        days = [lasting.until(cast.points, member) for member in (cast.wang, MemberFactory.build(pk=4711))]

    assert [day.isoformat() for day in days] == ["2027-03-31", "2027-03-31"]
    assert len(queries) == 1
    assert lasting.until(growth, cast.wang) is None
