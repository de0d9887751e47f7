"""What the database itself refuses, whoever asks: these tests commit, and look from runtime's side and from owner's."""

import datetime
import uuid

import psycopg2.errors
import pytest
from django.db import DatabaseError, IntegrityError, connection, connections

from foundation import transactions
from foundation.jobs.models import BusinessDate
from points import ledger, redeeming
from points.models import Entry, Kind, Lot, Purse, Redemption
from tests.points.cast import APRIL_END, CLERK, MONDAY, asked, open_bank, outcomes, post, purse_of, redeem

TABLES = ["points_purse", "points_entry", "points_lot", "points_lot_never", "points_lot_202604", "points_allocation"]


def commit(*batch):
    """Post a batch in a transaction of its own."""
    return transactions.commit(ledger.post, batch=batch, actor=CLERK)


def as_owner(sql, *arguments):
    """Run a statement as the owner of the tables: behind the application's back."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql, arguments)


def test_a_frozen_purse_refuses_spending_only(committed):
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    as_owner("UPDATE points_purse SET frozen = true")

    answers = commit(
        asked(wang, points, -10),
        asked(wang, points, -10, kind=Kind.TRANSFER),
        asked(wang, points, -10, kind=Kind.CLAWBACK),
        asked(wang, points, -10, kind=Kind.ADJUST),
        asked(wang, points, 5, kind=Kind.TRANSFER),
    )

    assert outcomes(answers) == ["frozen", "frozen", "posted", "posted", "posted"]
    assert purse_of(wang, points) == {"available": 85, "credited": 105, "debited": 20, "entries": 4}


def test_a_frozen_purse_redeems_nothing_and_says_so(committed):
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    as_owner("UPDATE points_purse SET frozen = true")

    with pytest.raises(redeeming.PurseFrozen):
        transactions.commit(redeem, member=wang, currency=points, points=1)

    assert not Redemption.objects.exists()
    assert purse_of(wang, points)["available"] == 100


def test_a_redemption_is_never_deleted(committed):
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    transactions.commit(redeem, member=wang, currency=points, points=1)

    with pytest.raises(DatabaseError, match="permission denied"):
        Redemption.objects.all().delete()


def test_a_sum_too_large_for_the_database_is_a_refusal(committed):
    wang, points = open_bank()
    commit(asked(wang, points, 10**12))
    as_owner("UPDATE points_purse SET available = 9223372036854775000, credited = 9223372036854775000")

    with pytest.raises(ledger.PointsOutOfRange):
        commit(asked(wang, points, 10**12))


def test_posting_outside_a_transaction_is_a_mistake(committed):
    wang, points = open_bank()

    with pytest.raises(RuntimeError, match="must stand in a transaction"):
        post(asked(wang, points, 5))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement", ["INSERT INTO {} SELECT * FROM {}", "UPDATE {} SET member_id = 7", "DELETE FROM {}", "TRUNCATE {}"]
)
def test_runtime_may_only_read_the_ledger(committed, table, statement):
    wang, points = open_bank()
    commit(asked(wang, points, 9, expires_on=APRIL_END), asked(wang, points, -4))

    with pytest.raises(DatabaseError) as refused, connection.cursor() as cursor:
        cursor.execute(statement.format(table, table))

    assert isinstance(refused.value.__cause__, psycopg2.errors.InsufficientPrivilege)
    assert purse_of(wang, points) == {"available": 5, "credited": 9, "debited": 4, "entries": 2}


@pytest.mark.parametrize("table", ["points_entry", "points_allocation"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET points = 1", "DELETE FROM {}", "TRUNCATE {}"])
def test_not_even_the_owner_changes_what_is_written_once(committed, table, statement):
    wang, points = open_bank()
    commit(asked(wang, points, 9), asked(wang, points, -4))

    with pytest.raises(DatabaseError, match="written once"):
        as_owner(statement.format(table))

    assert Entry.objects.count() == 2


def test_the_triggers_fire_in_a_replicas_session_too(committed):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgenabled FROM pg_trigger WHERE tgname = 'written_once'"
            " AND tgrelid IN ('points_entry'::regclass, 'points_allocation'::regclass) ORDER BY 1"
        )
        assert cursor.fetchall() == [("points_allocation", "A"), ("points_entry", "A")]


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE points_purse SET available = -1, credited = 3", "purse_spendable_or_owing"),
        ("UPDATE points_purse SET owed = 1, credited = 8 WHERE available > 0", "purse_spendable_or_owing"),
        ("UPDATE points_purse SET available = 0, owed = -5", "purse_spendable_or_owing"),
        ("UPDATE points_purse SET pending = -1, credited = 8", "purse_pending_and_held_not_negative"),
        ("UPDATE points_purse SET held = -1, credited = 8", "purse_pending_and_held_not_negative"),
        ("UPDATE points_purse SET available = available + 1", "purse_sums_tie"),
        ("UPDATE points_lot SET remaining = remaining + 6", "lot_gives_no_more_than_its_points"),
        ("UPDATE points_lot SET remaining = -1", "lot_parts_not_negative"),
        ("UPDATE points_lot SET held = -1", "lot_parts_not_negative"),
        ("UPDATE points_lot SET expired = -1", "lot_parts_not_negative"),
        ("INSERT INTO points_lot VALUES (1, 1, '2026-05-01', 9, 5, 5, 0, '2026-03-02')", None),
        ("INSERT INTO points_lot_never VALUES (1, 1, '2026-05-01', 9, 5, 5, 0, '2026-03-02')", "lot_never_expires"),
    ],
)
def test_an_invariant_of_one_row_holds_behind_the_ledgers_back(committed, statement, constraint):
    wang, points = open_bank()
    commit(asked(wang, points, 9, expires_on=APRIL_END), asked(wang, points, -4))

    with pytest.raises(IntegrityError) as refused:
        as_owner(statement)

    if constraint:
        assert refused.value.__cause__.diag.constraint_name == constraint
    assert purse_of(wang, points) == {"available": 5, "credited": 9, "debited": 4, "entries": 2}


def entry(**more):
    """Return an INSERT of an entry that is right but for `more`."""
    row = {
        "member_id": 1, "currency_id": 1, "number": 77, "kind": 1, "points": 5, "balance_after": 5, "event_key": f"'{uuid.uuid4()}'",
        "occurred_on": "'2026-03-02'", "booked_on": "'2026-03-02'", "cause": "'x'",
    } | more  # fmt: skip
    return f"INSERT INTO points_entry ({', '.join(row)}) VALUES ({', '.join(map(str, row.values()))})"


@pytest.mark.parametrize(
    ("fault", "constraint"),
    [
        ({"points": 0}, "entry_points_in_range"),
        ({"points": 10**12 + 1}, "entry_points_in_range"),
        ({"kind": 0, "points": 5}, "entry_kind_known"),
        ({"kind": 3}, "entry_kind_agrees_with_its_sign"),
        ({"kind": 2, "points": -5}, "entry_kind_agrees_with_its_sign"),
        ({"booked_on": "'2026-03-01'"}, "entry_booked_when_it_happened_or_later"),
    ],
)
def test_an_entry_that_could_not_be_is_refused_by_the_table(committed, fault, constraint):
    with pytest.raises(IntegrityError) as refused:
        as_owner(entry(**fault))

    assert refused.value.__cause__.diag.constraint_name == constraint
    assert Entry.objects.count() == 0


def raw_post(*, member=1, currency=1, points=5, date=None, kind=1):
    """Call the database's door as any program with runtime's password could."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT outcome FROM points_post(ARRAY[%s]::bigint[], ARRAY[%s]::smallint[], ARRAY[gen_random_uuid()], ARRAY[%s]::smallint[],"
            " ARRAY[%s]::bigint[], '{2026-03-02}', '{NULL}', '{NULL}', '{x}', '{NULL}', '{NULL}', NULL, %s)",
            [member, currency, kind, points, date],
        )
        return cursor.fetchone()[0]


def test_the_door_itself_refuses_what_python_would_have_refused(committed):
    """E15: an unknown purse, a closed business date, points of no currency, an amount without bounds."""
    wang, points = open_bank()
    good = {"member": wang.pk, "currency": points.pk}

    assert raw_post(**good | {"member": 4_711}) == "unknown_purse"
    for fault, constraint in [
        ({"currency": 99}, "posting_currency_known"),
        ({"date": MONDAY}, "posting_date_is_closing"),
        ({"date": datetime.date(2020, 1, 1)}, "posting_date_is_closing"),
        ({"points": 10**12 + 1}, "entry_points_in_range"),
        ({"points": 0}, "entry_points_in_range"),
        ({"points": -5, "kind": 4}, "posting_kind_known"),
        ({"kind": 3}, "entry_kind_agrees_with_its_sign"),
    ]:
        with pytest.raises(IntegrityError) as refused:
            raw_post(**good | fault)
        assert refused.value.__cause__.diag.constraint_name == constraint
    assert (Purse.objects.count(), Entry.objects.count(), Lot.objects.count()) == (0, 0, 0)


def test_nothing_is_posted_while_no_business_date_is_open(committed):
    wang, points = open_bank()
    BusinessDate.objects.update(status="closed")

    with pytest.raises(DatabaseError, match="no business date is open"):
        commit(asked(wang, points, 5))


def test_the_functions_are_the_owners_with_fixed_settings_and_only_runtime_may_call_them(committed):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, prosecdef, proconfig, has_function_privilege('runtime', oid, 'EXECUTE'),"
            " coalesce(array_to_string(proacl, ' '), '=X') ~ '(^| )=X' FROM pg_proc"
            " WHERE proname IN ('points_post', 'points_settle', 'points_lapse', 'points_release', 'points_ensure_partitions',"
            " 'points_check_closing')"
        )
        functions = {name: row for name, *row in cursor.fetchall()}

    assert len(functions) == 6
    for name, (definer, settings, runtime, public) in functions.items():
        assert "search_path=public, pg_temp" in settings, name
        assert not public, name
        inner = name in ("points_settle", "points_check_closing")
        assert (definer, runtime) == ((False, False) if inner else (True, True)), name
    for name in ("points_post", "points_settle"):
        assert {"plan_cache_mode=force_generic_plan", "enable_seqscan=off"} <= set(functions[name][1])


def test_a_function_of_runtimes_own_schema_is_not_called_by_the_door(committed):
    """The search path is fixed with pg_temp last: a temporary table of the same name changes nothing."""
    wang, points = open_bank()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE points_purse (member_id bigint, currency_id smallint)")

    assert outcomes(commit(asked(wang, points, 5))) == ["posted"]

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_temp.points_purse")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT available FROM public.points_purse")
        assert cursor.fetchone() == (5,)
