"""The ledger's own functions: posting, lapsing, releasing, and the months of lots."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("points", "0002_tables"), ("jobs", "0002_fence"), ("members", "0001_initial")]

    operations = [
        migrations.RunSQL((SQL / "0003_one_door.sql").read_text(), (SQL / "0003_one_door_reverse.sql").read_text()),
    ]
