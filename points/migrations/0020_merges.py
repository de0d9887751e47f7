"""The function that moves one purse's points into another's when two records of a person become one, and back."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0008_merging_and_households"),
        ("points", "0019_gates"),
    ]

    operations = [
        migrations.RunSQL((SQL / "0020_merges.sql").read_text(), "DROP FUNCTION points_merge"),
    ]
