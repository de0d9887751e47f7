"""Clawbacks that were not posted; written once."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

GUARD = """
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON campaigns_refusedclawback
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE campaigns_refusedclawback ENABLE ALWAYS TRIGGER written_once;
REVOKE UPDATE, DELETE, TRUNCATE ON campaigns_refusedclawback FROM runtime;
"""
UNGUARD = """
GRANT UPDATE, DELETE ON campaigns_refusedclawback TO runtime;
DROP TRIGGER written_once ON campaigns_refusedclawback;
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0004_caps"), ("points", "0005_held"), ("audit", "0002_append_only")]

    operations = [
        migrations.CreateModel(
            name="RefusedClawback",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("member_id", models.BigIntegerField(verbose_name="member")),
                ("event_key", models.UUIDField(verbose_name="event key")),
                ("cause", models.CharField(max_length=140, verbose_name="cause")),
                ("points", models.BigIntegerField(verbose_name="points")),
                ("occurred_on", models.DateField(verbose_name="occurred on")),
                ("figures", models.JSONField(verbose_name="figures")),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("insufficient", "the points are spent, and the currency lets nothing be owed"),
                            ("unknown_purse", "the membership is closed"),
                        ],
                        max_length=20,
                        verbose_name="reason",
                    ),
                ),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="recorded at"
                    ),
                ),
                (
                    "currency",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="points.pointcurrency",
                        verbose_name="point currency",
                    ),
                ),
                (
                    "rule_version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="campaigns.earningruleversion",
                        verbose_name="rule version",
                    ),
                ),
            ],
            options={
                "verbose_name": "refused clawback",
                "verbose_name_plural": "refused clawbacks",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("member_id", "currency", "event_key"), name="clawback_refused_once_per_event_key"
                    ),
                    models.CheckConstraint(condition=models.Q(("points__lt", 0)), name="refused_clawback_is_a_debit"),
                    models.CheckConstraint(
                        condition=models.Q(("reason__in", ["insufficient", "unknown_purse"])),
                        name="refused_clawback_reason_known",
                    ),
                ],
            },
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
