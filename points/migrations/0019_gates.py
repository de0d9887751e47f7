"""The door asks what keeps a membership from earning and from spending, purse by purse, under the purse's lock."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).parent / "sql"

# The two functions are changed where they ask for an active membership, and stay in all else as they stand, whoever made them so:
# (as it reads, as it reads from now on). A place that isn't there stops the migration.
POST = [
    (
        "AS number, b.frozen, c.kind = 'reward' AS has_lots INTO one",
        "AS number, b.frozen, b.no_earning, b.no_spending, c.kind = 'reward' AS has_lots INTO one",
    ),
    (
        "JOIN members_member m ON m.id = b.member_id AND m.status = 'active'",
        "JOIN members_member m ON m.id = b.member_id AND m.status <> 'closed'",
    ),
    (
        "is_plain := NOT one.has_lots OR (p_expires[1] >= one_booked_on AND p_available[1] <= open_on) IS NOT FALSE",
        "is_plain := (one.no_earning IS NULL OR p_kind[1] NOT IN (1, 2))\n"
        "        AND (NOT one.has_lots OR (p_expires[1] >= one_booked_on AND p_available[1] <= open_on) IS NOT FALSE)",
    ),
    (
        "AND NOT (one.frozen AND p_kind[1] IN (3, 8));",
        "AND NOT ((one.frozen OR one.no_spending IS NOT NULL) AND p_kind[1] IN (3, 8));",
    ),
    (
        "AND b.pending = 0 AND b.owed = 0\n           AND NOT EXISTS (",
        "AND b.pending = 0 AND b.owed = 0 AND b.no_earning IS NULL\n           AND NOT EXISTS (",
    ),
    (
        "WHERE (p.pending = 0 AND p.owed = 0 AND m.status = 'active') IS NOT TRUE",
        "WHERE (p.pending = 0 AND p.owed = 0 AND p.no_earning IS NULL AND m.status <> 'closed') IS NOT TRUE",
    ),
    (
        "SELECT a.member_id, a.currency_id FROM asked a JOIN members_member m ON m.id = a.member_id AND m.status = 'active'"
        " WHERE a.is_missing FOR SHARE OF m)",
        "SELECT a.member_id, a.currency_id, m.status, m.accepted_at, m.cools_off_until\n"
        "        FROM asked a JOIN members_member m ON m.id = a.member_id AND m.status <> 'closed'\n"
        "       WHERE a.is_missing FOR SHARE OF m)",
    ),
    (
        "INSERT INTO points_purse (member_id, currency_id) SELECT member_id, currency_id FROM missing ORDER BY",
        "INSERT INTO points_purse (member_id, currency_id, no_earning, no_spending)\n"
        "      SELECT member_id, currency_id, g.no_earning, g.no_spending\n"
        "        FROM missing CROSS JOIN LATERAL members_gates(status, accepted_at, cools_off_until) g ORDER BY",
    ),
    (
        "WHEN b.member_id IS NULL OR m.status IS DISTINCT FROM 'active' THEN 'unknown_purse'\n",
        "WHEN b.member_id IS NULL OR coalesce(m.status, 'closed') = 'closed' THEN 'unknown_purse'\n"
        "                WHEN i.points < 0 AND p_kind[seq] IN (3, 8) AND b.no_spending IS NOT NULL THEN b.no_spending\n"
        "                WHEN i.points > 0 AND p_kind[seq] IN (1, 2) AND b.no_earning IS NOT NULL THEN b.no_earning\n",
    ),
]
HOLD = [
    (
        "WHEN b.member_id IS NULL OR m.status IS DISTINCT FROM 'active' THEN 'unknown_purse'\n",
        "WHEN b.member_id IS NULL OR coalesce(m.status, 'closed') = 'closed' THEN 'unknown_purse'\n"
        "                WHEN b.no_spending IS NOT NULL THEN b.no_spending\n",
    ),
]


def changed(function: str, places: list[tuple[str, str]]) -> str:
    """Return the statement that replaces each place in a function's text, as the database has it."""
    steps = "\n".join(
        f"  IF position($a${before}$a$ in said) = 0 THEN RAISE EXCEPTION '{function} reads otherwise at place {number}'; END IF;\n"
        f"  said := replace(said, $a${before}$a$, $b${after}$b$);"
        for number, (before, after) in enumerate(places)
    )
    return f"DO $do$ DECLARE said text := pg_get_functiondef('{function}'::regproc);\nBEGIN\n{steps}\n  EXECUTE said;\nEND $do$;"


def back(places: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the places the other way round."""
    return [(after, before) for before, after in places]


class Migration(migrations.Migration):
    dependencies = [("points", "0018_freed_in_a_batch"), ("members", "0006_states")]

    operations = [
        migrations.AddField(
            model_name="purse",
            name="no_earning",
            field=models.CharField(max_length=12, null=True, verbose_name="what keeps it from earning"),
        ),
        migrations.AddField(
            model_name="purse",
            name="no_spending",
            field=models.CharField(max_length=12, null=True, verbose_name="what keeps it from spending"),
        ),
        migrations.RunSQL(changed("points_post", POST), changed("points_post", back(POST))),
        migrations.RunSQL(changed("points_hold", HOLD), changed("points_hold", back(HOLD))),
        migrations.RunSQL((SQL / "0019_gates.sql").read_text(), (SQL / "0019_gates_reverse.sql").read_text()),
    ]
