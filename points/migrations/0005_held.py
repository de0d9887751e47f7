"""Points that are held, clawbacks that take their own lot first, and the one door made anew for both."""

from pathlib import Path

from django.db import migrations, models
from django.db.models import F, Q

SQL = Path(__file__).parent / "sql"
# What 0003 made and this migration replaces: everything from the first type of the door on, but the months of lots.
DOOR = (SQL / "0003_one_door.sql").read_text()
BEFORE = DOOR[DOOR.index("-- What a purse's debits have spent so far") : DOOR.index("-- A sum that stays a bigint")]
BEFORE += DOOR[DOOR.index("CREATE TYPE points_debit") : DOOR.index("-- EXECUTE is PUBLIC's")]
BEFORE += (
    "REVOKE EXECUTE ON FUNCTION points_settle, points_post, points_lapse, points_release FROM PUBLIC, runtime;"
    "GRANT EXECUTE ON FUNCTION points_post, points_lapse, points_release TO runtime;"
)


class Migration(migrations.Migration):
    dependencies = [("points", "0004_seal"), ("jobs", "0005_booking_date")]

    operations = [
        migrations.AddField(
            "pointcurrency",
            "shortfall",
            models.CharField(
                "what a clawback can't take",
                max_length=9,
                choices=[("owe", "is owed"), ("write_off", "is written off"), ("refuse", "is refused")],
                default="owe",
                db_default="owe",
            ),
        ),
        migrations.AddConstraint(
            "pointcurrency",
            models.CheckConstraint(condition=Q(shortfall__in=["owe", "write_off", "refuse"]), name="shortfall_known"),
        ),
        migrations.AddField("purse", "held", models.BigIntegerField("held", db_default=0)),
        migrations.AddConstraint(
            "purse", models.CheckConstraint(condition=Q(held__gte=0), name="purse_held_not_negative")
        ),
        migrations.RemoveConstraint("purse", "purse_sums_tie"),
        migrations.AddConstraint(
            "purse",
            models.CheckConstraint(
                condition=Q(
                    credited=F("available") + F("pending") + F("held") - F("owed") + F("debited") + F("expired")
                ),
                name="purse_sums_tie",
            ),
        ),
        migrations.RunSQL((SQL / "0005_held.sql").read_text(), (SQL / "0005_held_reverse.sql").read_text() + BEFORE),
    ]
