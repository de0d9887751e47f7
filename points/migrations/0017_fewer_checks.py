"""Fewer and shorter checks on what every post writes."""

from pathlib import Path

from django.db import migrations, models
from django.db.models.functions import Abs, Least
from django.db.models.lookups import Exact, GreaterThanOrEqual, Range

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("points", "0016_plain_batches")]

    operations = [
        migrations.RemoveConstraint("purse", "purse_spendable_or_owing"),
        migrations.AddConstraint(
            "purse",
            models.CheckConstraint(condition=Exact(Least("available", "owed"), 0), name="purse_spendable_or_owing"),
        ),
        migrations.AddConstraint(
            "purse",
            models.CheckConstraint(
                condition=GreaterThanOrEqual(Least("pending", "held"), 0), name="purse_pending_and_held_not_negative"
            ),
        ),
        migrations.RemoveConstraint("purse", "purse_available_not_negative"),
        migrations.RemoveConstraint("purse", "purse_owed_not_negative"),
        migrations.RemoveConstraint("purse", "purse_pending_not_negative"),
        migrations.RemoveConstraint("purse", "purse_held_not_negative"),
        migrations.RemoveConstraint("entry", "entry_points_in_range"),
        migrations.AddConstraint(
            "entry",
            models.CheckConstraint(condition=Range(Abs("points"), (1, 10**12)), name="entry_points_in_range"),
        ),
        migrations.RunSQL(
            (SQL / "0017_fewer_checks.sql").read_text(), (SQL / "0017_fewer_checks_reverse.sql").read_text()
        ),
    ]
