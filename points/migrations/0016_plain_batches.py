"""A batch of plain credits is posted without a look-up."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"
BEFORE = (SQL / "0005_held.sql").read_text()
BEFORE = BEFORE[BEFORE.index("CREATE FUNCTION points_post(") : BEFORE.index("-- Expire every lot of the members")]


class Migration(migrations.Migration):
    dependencies = [("points", "0015_comes_back_once")]

    operations = [
        migrations.RunSQL(
            (SQL / "0016_plain_batches.sql").read_text(),
            BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1),
        ),
    ]
