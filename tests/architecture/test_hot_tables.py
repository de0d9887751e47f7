"""The hot tables stay ready to be spread over machines by member (design: ledger.md §6, rules 1-4): the catalogue is asked."""

import pytest
from django.db import connection

from activity.models import Activity, BalanceSnapshot, GradeReport, Holding, Reversal
from campaigns.models import CapUse
from importing.models import OpeningLot
from points.models import Allocation, Entry, Hold, HoldPart, Lot, Purse
from tiers.models import LateJump, RunningTotal

FACTS = [model._meta.db_table for model in (Activity, Reversal, BalanceSnapshot, Holding, GradeReport)]
LEDGER = [model._meta.db_table for model in (Purse, Entry, Lot, Allocation, Hold, HoldPart)]
HOT = [
    *LEDGER,
    *FACTS,
    OpeningLot._meta.db_table,
    RunningTotal._meta.db_table,
    LateJump._meta.db_table,
    CapUse._meta.db_table,
]

pytestmark = pytest.mark.django_db


def rows(sql: str, *arguments: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        return cursor.fetchall()


def with_partitions() -> list[str]:
    """Return the hot tables and their partitions; lots have at least the one that never expires."""
    partitions = rows(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'points_lot'::regclass ORDER BY 1"
    )
    assert ("points_lot_never",) in partitions
    return [*HOT, *(name for [name] in partitions)]


def test_the_member_leads_every_key():
    """Rule 1, and with it rule 3: no uniqueness is global."""
    keys = rows(
        "SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, i.indisprimary,"
        " a.attname, a.attnotnull, a.atttypid::regtype::text"
        " FROM pg_index i LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE (i.indisunique OR i.indisexclusion) AND i.indrelid = ANY(%s::text[]::regclass[])",
        with_partitions(),
    )

    assert {table for table, _index, primary, *_column in keys if primary} == set(with_partitions())
    assert [key for key in keys if key[3:] != ("member_id", True, "bigint")] == []


def test_nothing_is_numbered_by_a_sequence():
    """Rule 2: a purse counts its own entries; facts bear their source's numbers."""
    numbered = rows(
        "SELECT a.attrelid::regclass::text, a.attname FROM pg_attribute a"
        " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
        " WHERE a.attrelid = ANY(%s::text[]::regclass[]) AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval%%')",
        with_partitions(),
    )

    assert numbered == []


def test_no_foreign_key_leaves_or_reaches_a_hot_table():
    """Rule 4; `points.proving` says what the keys would have said."""
    keys = rows(
        "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint"
        " WHERE contype = 'f' AND (conrelid = ANY(%s::text[]::regclass[]) OR confrelid = ANY(%s::text[]::regclass[]))",
        with_partitions(),
        with_partitions(),
    )

    assert keys == []


def test_what_is_written_once_is_guarded_by_grant_and_by_trigger():
    """Rule 4: runtime may not change it, and the owner's triggers fire in a replica's session too."""
    once = [*FACTS, Entry._meta.db_table, Allocation._meta.db_table, HoldPart._meta.db_table]

    changing = rows(
        "SELECT t, p FROM unnest(%s::text[]) t, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) p WHERE has_table_privilege('runtime', t, p)",
        once,
    )
    guarded = rows(
        "SELECT tgrelid::regclass::text FROM pg_trigger"
        " WHERE tgname = 'written_once' AND tgenabled = 'A' AND tgrelid = ANY(%s::text[]::regclass[])",
        once,
    )

    assert changing == []
    assert {table for [table] in guarded} == set(once)


def test_runtime_writes_the_ledger_through_its_functions_only():
    writing = rows(
        "SELECT t, p FROM unnest(%s::text[]) t, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p"
        " WHERE has_table_privilege('runtime', t, p)",
        [table for table in with_partitions() if table.startswith("points_")],
    )

    assert writing == []


def test_no_index_mentions_what_remains_of_a_lot():
    """Not even in its predicate: every update of a lot would have to write its indexes anew (181,000 lots a second, or 82,000)."""
    indexes = rows(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = ANY(%s::text[]::regclass[])",
        [table for table in with_partitions() if table.startswith("points_lot")],
    )

    assert len(indexes) >= 2
    assert [definition for [definition] in indexes if "remaining" in definition] == []


def test_pages_keep_room_for_updates_in_place():
    room = dict(
        rows(
            "SELECT c.oid::regclass::text, c.reloptions::text FROM pg_class c WHERE c.oid = ANY(%s::text[]::regclass[])",
            [table for table in with_partitions() if table.startswith(("points_lot_", "points_purse"))],
        )
    )

    assert room.pop("points_purse") == "{fillfactor=75}"
    assert set(room.values()) == {"{fillfactor=85}"}
