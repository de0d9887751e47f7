"""Certificates are written once, who is erased stays so, and what destroys data asks the database for the decision."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("privacy", "0001_initial"),
        ("approvals", "0002_frozen"),
        ("audit", "0003_search_indexes"),
        ("idempotency", "0001_initial"),
        ("members", "0005_assignments"),
        ("outbox", "0001_initial"),
        ("points", "0017_fewer_checks"),
        ("tiers", "0009_protections"),
    ]

    operations = [
        migrations.RunSQL((SQL / "0002_guards.sql").read_text(), (SQL / "0002_guards_reverse.sql").read_text())
    ]
