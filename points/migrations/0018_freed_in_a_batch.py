"""A clawback that is refused frees its own lot; a purse isn't opened while its membership closes; what came back once keeps its day."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"
POST = (SQL / "0016_plain_batches.sql").read_text()
HOLD = (SQL / "0006_holds.sql").read_text()
HOLD = HOLD[HOLD.index("CREATE FUNCTION points_hold(") : HOLD.index("-- Book the entry of what holds")]
HOLD = HOLD.replace("CREATE", "CREATE OR REPLACE", 1)
GIVE_BACK = (SQL / "0015_comes_back_once.sql").read_text()
SPEND = (SQL / "0005_held.sql").read_text()
SPEND = SPEND[SPEND.index("CREATE FUNCTION points_spend_step") : SPEND.index("CREATE TYPE points_rest")]


def changed(sql: str, before: str, after: str) -> str:
    """Return a function's text with the one place changed where `before` stands."""
    if sql.count(before) != 1:
        raise ValueError(f"{sql.count(before)} places read: {before}")
    return sql.replace(before, after)


NEW_POST = changed(
    POST,
    "points_spend(-points, coalesce(own[seq], 0), available + greatest(paying - owed, 0) - coalesce(reserved[seq], 0), may_owe)",
    "points_spend(-points, coalesce(own[seq], 0), CASE WHEN own_waits[seq] THEN 0 ELSE coalesce(own[seq], 0) END,\n"
    "                         available + greatest(paying - owed, 0) - coalesce(reserved[seq], 0), may_owe)",
)
# Who closes a membership has it locked; who finds it open keeps it so until the purse is there, for the close to find.
NEW_POST = changed(
    NEW_POST,
    "AND m.status = 'active' WHERE a.is_missing),",
    "AND m.status = 'active' WHERE a.is_missing FOR SHARE OF m),",
)
NEW_HOLD = changed(HOLD, "points_spend(points, 0, available, false)", "points_spend(points, 0, 0, available, false)")
NEW_GIVE_BACK = changed(
    GIVE_BACK, "e.kind = 6 AS came_back", "e.kind = 6 OR coalesce(e.figures ? 'came_back', false) AS came_back"
)
NEW_SPEND = (SQL / "0018_freed_in_a_batch.sql").read_text()
DROP_SPEND = "DROP AGGREGATE points_spend({arguments}); DROP FUNCTION points_spend_step;\n"


class Migration(migrations.Migration):
    dependencies = [("points", "0017_fewer_checks")]

    operations = [
        migrations.RunSQL(
            DROP_SPEND.format(arguments="bigint, bigint, bigint, boolean") + NEW_SPEND + NEW_POST + NEW_HOLD,
            DROP_SPEND.format(arguments="bigint, bigint, bigint, bigint, boolean") + SPEND + POST + HOLD,
        ),
        migrations.RunSQL(NEW_GIVE_BACK, GIVE_BACK),
    ]
