"""A debit of a later day than the open one leaves alone what its own batch credits until before that day."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"
MARK = "  -- 1. What stands:"


def door(text: str) -> str:
    """Return the statement that makes points_post anew, as 0005 made it."""
    start = text.index("CREATE FUNCTION points_post(")
    return text[start : text.index("END $$;", start) + len("END $$;")].replace("CREATE", "CREATE OR REPLACE", 1)


BEFORE = door((SQL / "0005_held.sql").read_text())
AFTER = BEFORE.replace(MARK, (SQL / "0007_own_day.sql").read_text() + MARK)


class Migration(migrations.Migration):
    dependencies = [
        ("points", "0006_holds"),
    ]

    operations = [migrations.RunSQL(AFTER, BEFORE)]
