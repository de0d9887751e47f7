"""More to measure: amounts of transactions, grades, all growth points since joining; windows that begin with a year."""

from django.db import migrations, models

# Transactions taken back whole count no longer: the next close recounts them all.
RECOUNT = "UPDATE tiers_series SET counted_from = bank_booking_date() WHERE metric = 'transaction_count'"


class Migration(migrations.Migration):
    dependencies = [("tiers", "0005_reviews"), ("activity", "0006_grade_scales")]

    operations = [
        migrations.RemoveConstraint(
            model_name="condition",
            name="window_has_its_length",
        ),
        migrations.RemoveConstraint(
            model_name="condition",
            name="condition_has_its_series",
        ),
        migrations.RemoveConstraint(
            model_name="series",
            name="tenure_needs_no_series",
        ),
        migrations.AddField(
            model_name="condition",
            name="excludes",
            field=models.BooleanField(default=False, verbose_name="excludes"),
        ),
        migrations.AlterField(
            model_name="condition",
            name="metric",
            field=models.CharField(
                choices=[
                    ("growth_points", "growth points"),
                    ("average_assets", "average daily assets"),
                    ("transaction_count", "transactions"),
                    ("transaction_amount", "transaction amount"),
                    ("products_held", "products held"),
                    ("tenure", "tenure in months"),
                    ("credit_grade", "credit grade"),
                    ("risk_grade", "risk grade"),
                    ("cumulative_contribution", "cumulative contribution"),
                ],
                max_length=30,
                verbose_name="metric",
            ),
        ),
        migrations.AlterField(
            model_name="condition",
            name="window",
            field=models.CharField(
                blank=True,
                choices=[
                    ("months", "months"),
                    ("days", "days"),
                    ("year", "calendar year"),
                    ("membership_year", "membership year"),
                    ("", "none"),
                ],
                max_length=15,
                verbose_name="window",
            ),
        ),
        migrations.AlterField(
            model_name="series",
            name="metric",
            field=models.CharField(
                choices=[
                    ("growth_points", "growth points"),
                    ("average_assets", "average daily assets"),
                    ("transaction_count", "transactions"),
                    ("transaction_amount", "transaction amount"),
                    ("products_held", "products held"),
                    ("tenure", "tenure in months"),
                    ("credit_grade", "credit grade"),
                    ("risk_grade", "risk grade"),
                    ("cumulative_contribution", "cumulative contribution"),
                ],
                max_length=30,
                verbose_name="metric",
            ),
        ),
        migrations.AddConstraint(
            model_name="condition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("window__in", ["", "year", "membership_year"]), ("window_length__isnull", True)),
                    models.Q(
                        ("window__in", ["months", "days"]), ("window_length__gt", 0), ("window_length__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="window_has_its_length",
            ),
        ),
        migrations.AddConstraint(
            model_name="condition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("metric__in", ["tenure", "credit_grade", "risk_grade"]), ("series__isnull", True)),
                    models.Q(
                        models.Q(("metric__in", ["tenure", "credit_grade", "risk_grade"]), _negated=True),
                        ("series__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="condition_has_its_series",
            ),
        ),
        migrations.AddConstraint(
            model_name="condition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("excludes", True), ("keep_minimum", models.F("enter_minimum")), ("metric", "risk_grade")),
                    models.Q(models.Q(("metric", "risk_grade"), _negated=True), ("excludes", False)),
                    _connector="OR",
                ),
                name="risk_grade_excludes_and_nothing_else_does",
            ),
        ),
        migrations.AddConstraint(
            model_name="series",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("metric__in", ["tenure", "credit_grade", "risk_grade", "cumulative_contribution"]), _negated=True
                ),
                name="series_of_what_adds_up",
            ),
        ),
        migrations.RunSQL(RECOUNT, migrations.RunSQL.noop),
    ]
