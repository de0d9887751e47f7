"""A membership is closed with its purses, under their locks."""

from pathlib import Path

import django.db.models.expressions
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("points", "0012_freezes"),
    ]

    operations = [
        migrations.AddField(
            model_name="purse",
            name="closed_credited",
            field=models.BigIntegerField(null=True, verbose_name="credited when it was closed"),
        ),
        migrations.AddField(
            model_name="purse",
            name="closed_spent",
            field=models.BigIntegerField(null=True, verbose_name="debited or held when it was closed"),
        ),
        migrations.AddConstraint(
            model_name="purse",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_credited__isnull", True), ("closed_spent__isnull", True)),
                    models.Q(
                        (
                            "closed_spent__gte",
                            django.db.models.expressions.CombinedExpression(models.F("debited"), "+", models.F("held")),
                        ),
                        ("credited__lte", models.F("closed_credited")),
                    ),
                    _connector="OR",
                ),
                name="closed_purse_takes_nothing",
            ),
        ),
        migrations.RunSQL(
            (SQL / "0013_closed_purses.sql").read_text(), (SQL / "0013_closed_purses_reverse.sql").read_text()
        ),
    ]
