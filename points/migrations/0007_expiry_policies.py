"""Expiry policies of a point currency, the function that asks them, and the lapse of what inactive members have."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).parent / "sql"
# Growth points have no months either way.
FILL = "UPDATE points_pointcurrency SET expiry_policy = 'months' WHERE expiry_months IS NOT NULL"


class Migration(migrations.Migration):
    dependencies = [
        ("points", "0006_holds"),
        ("activity", "0001_initial"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="pointcurrency",
            name="growth_points_never_expire",
        ),
        migrations.AddField(
            model_name="pointcurrency",
            name="expiry_by_tier",
            field=models.JSONField(
                blank=True,
                help_text="Months by the code of each tier of the main programme; null: never.",
                null=True,
                verbose_name="expiry by tier",
            ),
        ),
        migrations.AddField(
            model_name="pointcurrency",
            name="expiry_policy",
            field=models.CharField(
                choices=[
                    ("never", "never"),
                    ("months", "last day of the month, so many months on"),
                    ("year_end", "last day of the year, so many years on"),
                    ("by_tier", "last day of the month, by the tier at earning"),
                    ("inactivity", "after so many months without activity"),
                ],
                default="never",
                max_length=10,
                verbose_name="expiry",
            ),
        ),
        migrations.AddField(
            model_name="pointcurrency",
            name="expiry_years",
            field=models.PositiveSmallIntegerField(
                blank=True, help_text="Until 31 December this many years on.", null=True, verbose_name="expiry in years"
            ),
        ),
        migrations.AddField(
            model_name="pointcurrency",
            name="inactivity_from",
            field=models.DateField(
                blank=True,
                help_text="Only points earned from this day on lapse by inactivity; empty: all.",
                null=True,
                verbose_name="inactivity counts from",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="pointcurrency",
            name="expiry_months",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="Until the last day of the month this many months on; for inactivity, months without activity.",
                null=True,
                verbose_name="expiry in months",
            ),
        ),
        migrations.AddConstraint(
            model_name="pointcurrency",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind", "reward"), ("expiry_policy", "never"), _connector="OR"),
                name="growth_points_never_expire",
            ),
        ),
        migrations.AddConstraint(
            model_name="pointcurrency",
            constraint=models.CheckConstraint(
                condition=models.Q(("expiry_policy__in", ["never", "months", "year_end", "by_tier", "inactivity"])),
                name="expiry_policy_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="pointcurrency",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("expiry_months__isnull", False),
                        ("expiry_months__range", (1, 1200)),
                        ("expiry_policy__in", ["months", "inactivity"]),
                    ),
                    models.Q(
                        models.Q(("expiry_policy__in", ["months", "inactivity"]), _negated=True),
                        ("expiry_months__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="expiry_months_where_the_policy_counts_them",
            ),
        ),
        migrations.AddConstraint(
            model_name="pointcurrency",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("expiry_policy", "year_end"),
                        ("expiry_years__isnull", False),
                        ("expiry_years__range", (0, 100)),
                    ),
                    models.Q(models.Q(("expiry_policy", "year_end"), _negated=True), ("expiry_years__isnull", True)),
                    _connector="OR",
                ),
                name="expiry_years_where_the_policy_counts_them",
            ),
        ),
        migrations.AddConstraint(
            model_name="pointcurrency",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("expiry_by_tier__isnull", False), ("expiry_policy", "by_tier")),
                    models.Q(models.Q(("expiry_policy", "by_tier"), _negated=True), ("expiry_by_tier__isnull", True)),
                    _connector="OR",
                ),
                name="expiry_by_tier_where_the_policy_asks_it",
            ),
        ),
        migrations.AddConstraint(
            model_name="pointcurrency",
            constraint=models.CheckConstraint(
                condition=models.Q(("expiry_policy", "inactivity"), ("inactivity_from__isnull", True), _connector="OR"),
                name="inactivity_from_where_the_policy_asks_it",
            ),
        ),
        migrations.RunSQL(
            (SQL / "0007_expiry_policies.sql").read_text(), (SQL / "0007_expiry_policies_reverse.sql").read_text()
        ),
    ]
