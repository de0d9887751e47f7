"""What a hold gives back keeps its day where it had come back before (docs/redeeming.md)."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"
BEFORE = (SQL / "0006_holds.sql").read_text()
BEFORE = BEFORE[BEFORE.index("CREATE FUNCTION points_give_back") :]
BEFORE = BEFORE[: BEFORE.index("END $$;") + len("END $$;")].replace("CREATE", "CREATE OR REPLACE", 1)


class Migration(migrations.Migration):
    dependencies = [("points", "0014_redemption_for_family")]

    operations = [migrations.RunSQL((SQL / "0015_comes_back_once.sql").read_text(), BEFORE)]
