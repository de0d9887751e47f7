"""Opening points: dated lots through the ledger, each once, under a control total, approved by finance, taken back by the ledger."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from foundation.approvals import deciding
from importing import asking, keeping, loading, undoing, uploading
from importing.models import Import, OpeningLot
from members.models import Member
from points import ledger
from points.models import Entry, Kind, Lot, PointCurrency
from tests.factories import MemberFactory, PointCurrencyFactory
from tests.importing.cast import (
    AT,
    LATER,
    OPENING,
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
)
from tests.points.cast import CLERK, asked, books_ok, purse_of

pytestmark = pytest.mark.django_db
LOTS = "A-WANG,points,1200,2025-03-10,2027-03-31,L-1\nA-WANG,points,300,2025/8/1,2026-08-31,L-2\n"


@pytest.fixture
def cast() -> Cast:
    return assemble()


def opening(cast: Cast, rows: str, total: int, **more: object) -> Import:
    """Try opening points out."""
    return checked(cast, OPENING + rows, kind="opening", control_total=total, **more)


def let_in(cast: Cast, rows: str, total: int, **more: object) -> Import:
    return imported(cast, OPENING + rows, kind="opening", control_total=total, **more)


def lots() -> list[tuple[int, str, int]]:
    """Return points, last usable day and what remains of every lot."""
    found = Lot.objects.order_by("expires_on", "number").values_list("points", "expires_on", "remaining")
    return [(points, f"{day}", remaining) for points, day, remaining in found]


def test_each_lot_keeps_its_own_dates(cast):
    import_ = let_in(cast, LOTS, 1500)

    assert counts(import_) == {"new": 2}
    assert lots() == [(300, "2026-08-31", 300), (1200, "2027-03-31", 1200)]
    days = Entry.objects.order_by("occurred_on").values_list("occurred_on", "kind", "cause")
    assert list(days) == [
        (datetime.date(2025, 3, 10), Kind.ADJUST, f"import/{import_.pk}"),
        (datetime.date(2025, 8, 1), Kind.ADJUST, f"import/{import_.pk}"),
    ]
    assert purse_of(cast.wang, cast.points)["available"] == 1500
    assert books_ok()


def test_the_same_lots_twice_change_nothing_whatever_the_file_is_called(cast):
    """B12."""
    let_in(cast, LOTS, 1500)

    copy = opening(cast, "".join(reversed(LOTS.splitlines(keepends=True))), 1500, name="copy.csv")

    assert counts(copy) == {"unchanged": 2}
    with pytest.raises(asking.NothingToImport):
        ask(copy)


def test_a_lot_with_other_points_is_an_error_not_a_second_lot(cast):
    let_in(cast, LOTS, 1500)

    changed = opening(cast, LOTS.replace("1200", "1300"), 1600)

    assert counts(changed) == {"unchanged": 1, "error": 1}
    assert faults(changed) == [(2, "points", "lot_differs")]


def test_lots_that_look_alike_are_told_apart_by_their_reference(cast):
    alike = "A-WANG,points,100,2025-03-10,2027-03-31,\n"

    import_ = opening(cast, alike + alike.replace("2025-03-10", "2025/3/10") + alike.replace(",\n", ",second\n"), 300)

    assert counts(import_) == {"new": 2, "error": 1}
    assert faults(import_) == [(3, "", "repeated_row")]


def test_a_file_that_differs_from_its_control_total_is_not_taken_in(cast):
    """C18."""
    import_ = opening(cast, LOTS, 1501)

    with pytest.raises(asking.ControlTotalDiffers) as refused:
        ask(import_)

    assert str(refused.value).startswith("The rows sum up to 1,500, the control total is 1,501.")
    assert not Entry.objects.exists()


def test_opening_points_without_a_control_total_are_not_taken_up(cast):
    with pytest.raises(uploading.ControlTotalMissing) as refused:
        upload(cast, OPENING + LOTS, kind="opening")

    assert refused.value.field == "control_total"
    assert not Import.objects.exists()


def test_what_is_wrong_is_said_by_row_and_column(cast):
    PointCurrencyFactory(growth=True)
    far, closed = MemberFactory(branch=cast.harbour, number="H-1"), MemberFactory(branch=cast.lujiazui, number="C-1")
    Member.objects.filter(pk=closed.pk).update(status="closed", closed_on=AT.date())
    rows = [
        ("A-WANG,points,0,2025-01-01,2027-01-31,a", "points", "points_out_of_range"),
        ('A-WANG,points,"1,000",2025-01-01,2027-01-31,b', "points", "points_out_of_range"),
        ("A-WANG,points,１２,2025-01-01,2027-01-31,c", "points", "points_out_of_range"),
        ("A-WANG,points,9223372036854775808,2025-01-01,2027-01-31,d", "points", "points_out_of_range"),
        ("A-WANG,points,5,31/12/2025,2027-01-31,e", "earned_on", "unreadable_date"),
        ("A-WANG,points,5,2026-03-03,2027-01-31,f", "earned_on", "invalid_earned_on"),
        ("A-WANG,points,5,2025-01-01,2024-01-31,g", "expires_on", "invalid_expires_on"),
        ("A-WANG,points,5,2025-01-01,2026-03-01,h", "expires_on", "date_has_passed"),
        ("A-WANG,growth,5,2025-01-01,2027-01-31,i", "expires_on", "date_not_for_these"),
        ("A-WANG,gold,5,2025-01-01,2027-01-31,j", "currency", "unknown_point_currency"),
        (f"{far.number},points,5,2025-01-01,2027-01-31,k", "member_number", "unknown_member"),
        (f"{closed.number},points,5,2025-01-01,2027-01-31,l", "number", "closed_member"),
        ("NOBODY,points,5,2025-01-01,2027-01-31,m", "member_number", "unknown_member"),
        ("A-WANG,points,5,,2027-01-31,n", "earned_on", "missing"),
    ]

    import_ = opening(cast, "".join(f"{row}\n" for row, _field, _code in rows), 1)

    assert faults(import_) == [(line, field, code) for line, (_row, field, code) in enumerate(rows, 2)]
    assert not OpeningLot.objects.exists()


def test_a_date_left_out_is_the_currencys_for_the_day_of_earning(cast):
    """Never is 9999-12-31; where the tier says it, the file must."""
    PointCurrencyFactory(growth=True)
    PointCurrency.objects.create(
        code="tiered", kind="reward", names={}, expiry_policy="by_tier", expiry_by_tier={"standard": 12}
    )
    rows = (
        "A-WANG,points,7,2025-05-09,,a\nA-WANG,points,8,2025-05-09,9999-12-31,b\nA-WANG,growth,9,2025-05-09,,c\n"
        "A-WANG,tiered,9,2025-05-09,,d\n"
    )

    import_ = let_in(cast, rows, 33)

    assert lots() == [(7, "2026-05-31", 7), (8, "9999-12-31", 8)]
    assert faults(import_) == [(5, "expires_on", "expiry_missing")]
    assert books_ok()


def test_finance_and_nobody_else_lets_points_in(cast):
    made = ask(opening(cast, LOTS, 1500))

    assert (made.kind, made.amount, made.worth_minor) == ("importing.open", 1500, 3000)
    for user in (cast.bai, cast.pan):
        with pytest.raises(deciding.MayNotDecide):
            approve(made, user)
    assert not Entry.objects.exists()


def test_nobody_lets_points_in_for_himself(cast):
    """F09: by whichever account."""
    Member.objects.filter(pk=cast.wang.pk).update(user=cast.fang)

    made = ask(opening(cast, LOTS, 1500))

    with pytest.raises(deciding.OwnAccount):
        approve(made, cast.fang)
    assert not Entry.objects.exists()


def test_lots_are_taken_back_by_the_ledger_and_can_come_again(cast):
    PointCurrencyFactory(growth=True)
    rows = LOTS + "A-WANG,growth,50,2025-01-01,,\n"
    import_ = let_in(cast, rows, 1550)

    taken_back = undone(cast, import_)

    assert taken_back.status == "undone"
    assert lots() == [(300, "2026-08-31", 0), (1200, "2027-03-31", 0)]
    growth = Entry.objects.filter(points__in=[50, -50])
    assert sorted(growth.values_list("points", "occurred_on")) == [
        (-50, datetime.date(2025, 1, 1)),
        (50, datetime.date(2025, 1, 1)),
    ]
    assert books_ok()
    assert counts(let_in(cast, rows, 1550)) == {"new": 3}
    assert purse_of(cast.wang, cast.points)["available"] == 1500
    assert books_ok()


def test_a_lot_that_was_used_stops_the_taking_back_and_is_named(cast):
    import_ = let_in(cast, LOTS, 1500)
    ledger.post([asked(cast.wang, cast.points, -10)], actor=CLERK)
    entries = Entry.objects.count()

    with pytest.raises(undoing.DoneSince) as refused:
        ask_to_undo(import_)

    assert "lines 3." in str(refused.value)
    assert [(one.line, one.sentence) for one in undoing.obstacles(import_)] == [
        (3, "Points of this lot were used, held, or have lapsed since.")
    ]
    assert Entry.objects.count() == entries


def test_facts_are_never_taken_back(cast):
    import_ = imported(
        cast, "member number,account number,class,opened on\nA-WANG,62-1,deposit,2020-01-01\n", kind="accounts"
    )

    with pytest.raises(undoing.NotUndoable):
        ask_to_undo(import_)


def test_a_membership_closed_after_the_trial_gets_nothing(cast):
    made = ask(import_ := opening(cast, LOTS, 1500))
    Member.objects.filter(pk=cast.wang.pk).update(status="closed", closed_on=AT.date())

    approve(made, cast.fang)
    work(import_)

    assert faults(again(import_)) == [(2, "number", "closed_member"), (3, "number", "closed_member")]
    assert not Entry.objects.exists()
    assert not OpeningLot.objects.exists()


def test_one_lot_and_many_take_the_same_statements(cast):
    said = []
    for size in (1, 300):
        members = [MemberFactory(branch=cast.lujiazui, number=f"{size}-{n}") for n in range(size)]
        rows = "".join(f"{member.number},points,5,2025-01-01,2027-01-31,\n" for member in members)
        import_ = opening(cast, rows, 5 * size)
        approve(ask(import_), cast.fang)
        [chunk], key = import_.chunks.all(), keeping.key_of(import_)
        with CaptureQueriesContext(connection) as queries:
            loading.take_in(import_=import_, chunk=chunk, key=key, at=LATER)
        said.append(len(queries))
        work(import_)
        with CaptureQueriesContext(connection) as queries:
            undone(cast, again(import_))
        said[-1] = (said[-1], len(queries))
        assert OpeningLot.objects.filter(import_id=import_.pk, undone_at__isnull=False).count() == size

    assert said[0] == said[1]
    assert said[0][0] < 15
    assert books_ok()
