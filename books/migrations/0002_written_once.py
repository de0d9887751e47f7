"""Totals, stocks, balances and the journal of a date are written once; the chunks they were summed from are not."""

from django.db import migrations

WRITTEN_ONCE = ("books_dailytotal", "books_dailystock", "books_dailybalance", "books_journalline")

FORWARD = "".join(
    f"""
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER written_once;
REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM runtime;
"""
    for table in WRITTEN_ONCE
)
REVERSE = "".join(
    f"GRANT UPDATE, DELETE ON {table} TO runtime; DROP TRIGGER written_once ON {table};" for table in WRITTEN_ONCE
)


class Migration(migrations.Migration):
    dependencies = [("books", "0001_initial"), ("audit", "0002_append_only")]

    operations = [migrations.RunSQL(FORWARD, REVERSE)]
