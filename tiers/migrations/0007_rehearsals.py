"""Late jumps, which tell figures as of past dates, and rehearsals of other rules."""

import django.db.models.deletion
from django.db import migrations, models

# The totals of series that were counted before late jumps were kept tell no earlier dates.
FILL = """
UPDATE tiers_series SET late_from = open.date FROM jobs_businessdate AS open WHERE open.status = 'open' AND counted_from < open.date
"""


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0003_families"),
        ("tiers", "0006_metrics"),
    ]

    operations = [
        migrations.AddField(
            model_name="series",
            name="late_from",
            field=models.DateField(blank=True, null=True, verbose_name="late facts kept apart from"),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="LateJump",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "member_id",
                        "series_id",
                        "day",
                        "booked_on",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("member_id", models.BigIntegerField(verbose_name="member")),
                ("series_id", models.SmallIntegerField(verbose_name="series")),
                ("day", models.DateField(verbose_name="day")),
                ("booked_on", models.DateField(verbose_name="booked on")),
                ("change", models.BigIntegerField(verbose_name="change")),
                ("first_day", models.DateField(null=True, verbose_name="first day before")),
            ],
            options={
                "verbose_name": "late jump",
                "verbose_name_plural": "late jumps",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("day__lt", models.F("booked_on"))), name="late_jump_is_booked_after_its_day"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Rehearsal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("document", models.JSONField(blank=True, null=True, verbose_name="draft")),
                ("digest", models.CharField(blank=True, max_length=64, verbose_name="digest of the draft")),
                ("months", models.PositiveSmallIntegerField(verbose_name="months")),
                ("starts_on", models.DateField(verbose_name="from")),
                ("ends_on", models.DateField(verbose_name="to")),
                ("dates", models.PositiveIntegerField(verbose_name="dates")),
                ("members", models.PositiveBigIntegerField(verbose_name="members")),
                ("expected_seconds", models.PositiveIntegerField(verbose_name="expected seconds")),
                (
                    "status",
                    models.CharField(
                        choices=[("running", "running"), ("done", "done"), ("failed", "failed")],
                        default="running",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("started_by", models.CharField(max_length=150, verbose_name="started by")),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                ("finished_at", models.DateTimeField(blank=True, null=True, verbose_name="finished at")),
                ("result", models.JSONField(blank=True, null=True, verbose_name="result")),
                ("error", models.CharField(blank=True, max_length=400, verbose_name="error")),
                (
                    "programme",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rehearsals",
                        to="tiers.programme",
                        verbose_name="loyalty programme",
                    ),
                ),
                (
                    "rule_book",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tiers.rulebook",
                        verbose_name="rule book",
                    ),
                ),
            ],
            options={
                "verbose_name": "rehearsal",
                "verbose_name_plural": "rehearsals",
            },
        ),
        migrations.CreateModel(
            name="RehearsedMove",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "from_tier",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tiers.tier",
                        verbose_name="from",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="members.member",
                        verbose_name="member",
                    ),
                ),
                (
                    "rehearsal",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="moves",
                        to="tiers.rehearsal",
                        verbose_name="rehearsal",
                    ),
                ),
                (
                    "to_tier",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tiers.tier",
                        verbose_name="to",
                    ),
                ),
            ],
            options={
                "verbose_name": "member who would move",
                "verbose_name_plural": "members who would move",
            },
        ),
        migrations.CreateModel(
            name="RehearsedRange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first_member", models.BigIntegerField(verbose_name="first member")),
                ("last_member", models.BigIntegerField(verbose_name="last member")),
                ("done_at", models.DateTimeField(blank=True, null=True, verbose_name="done at")),
                ("seconds", models.FloatField(blank=True, null=True, verbose_name="seconds")),
                ("counts", models.JSONField(blank=True, default=dict, verbose_name="counts")),
                (
                    "rehearsal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="ranges",
                        to="tiers.rehearsal",
                        verbose_name="rehearsal",
                    ),
                ),
            ],
            options={
                "verbose_name": "rehearsed range",
                "verbose_name_plural": "rehearsed ranges",
            },
        ),
        migrations.AddIndex(
            model_name="rehearsal",
            index=models.Index(
                condition=models.Q(("digest", ""), _negated=True), fields=["digest"], name="rehearsal_by_digest"
            ),
        ),
        migrations.AddConstraint(
            model_name="rehearsal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("digest", ""), ("document__isnull", True)),
                    models.Q(
                        ("document__isnull", False),
                        ("rule_book__isnull", True),
                        models.Q(("digest", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="rehearsal_of_one_thing",
            ),
        ),
        migrations.AddConstraint(
            model_name="rehearsal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at__isnull", False), ("result__isnull", False), ("status", "done")),
                    models.Q(models.Q(("status", "done"), _negated=True), ("result__isnull", True)),
                    _connector="OR",
                ),
                name="rehearsal_done_has_its_result",
            ),
        ),
        migrations.AddConstraint(
            model_name="rehearsal",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_on__gte", models.F("starts_on"))), name="rehearsal_dates_in_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="rehearsedmove",
            constraint=models.UniqueConstraint(fields=("rehearsal", "member"), name="one_move_per_rehearsed_member"),
        ),
        migrations.AddConstraint(
            model_name="rehearsedrange",
            constraint=models.UniqueConstraint(
                fields=("rehearsal", "first_member"), name="ranges_start_once_per_rehearsal"
            ),
        ),
    ]
