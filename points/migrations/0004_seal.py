"""Seals: written once, by grant and by trigger; the key that signs them is not in the database."""

from django.db import migrations, models

GUARD = """
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON points_seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE points_seal ENABLE ALWAYS TRIGGER written_once;
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON points_sealedrange FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE points_sealedrange ENABLE ALWAYS TRIGGER written_once;
REVOKE UPDATE, DELETE, TRUNCATE ON points_seal, points_sealedrange FROM runtime;
"""

UNGUARD = """
GRANT UPDATE, DELETE ON points_seal, points_sealedrange TO runtime;
DROP TRIGGER written_once ON points_seal;
DROP TRIGGER written_once ON points_sealedrange;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("points", "0003_one_door"),
    ]

    operations = [
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("business_date", models.DateField(primary_key=True, serialize=False, verbose_name="business date")),
                ("previous", models.CharField(blank=True, max_length=64, verbose_name="digest of the seal before it")),
                ("entries", models.BigIntegerField(verbose_name="entries")),
                (
                    "points",
                    models.JSONField(help_text="The sum of each point currency, by its id.", verbose_name="points"),
                ),
                ("digest", models.CharField(max_length=64, verbose_name="digest")),
                ("key_id", models.CharField(max_length=16, verbose_name="key")),
                ("signature", models.CharField(max_length=128, verbose_name="signature")),
            ],
            options={
                "verbose_name": "seal",
                "verbose_name_plural": "seals",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("entries__gte", 0)), name="seal_entries_not_negative")
                ],
            },
        ),
        migrations.CreateModel(
            name="SealedRange",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "business_date", "first_member", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("business_date", models.DateField(verbose_name="business date")),
                ("first_member", models.BigIntegerField(verbose_name="first member")),
                ("last_member", models.BigIntegerField(verbose_name="last member")),
                ("entries", models.BigIntegerField(verbose_name="entries")),
                (
                    "points",
                    models.JSONField(help_text="The sum of each point currency, by its id.", verbose_name="points"),
                ),
                ("digest", models.CharField(max_length=64, verbose_name="digest")),
            ],
            options={
                "verbose_name": "sealed range",
                "verbose_name_plural": "sealed ranges",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("last_member__gte", models.F("first_member"))), name="sealed_range_in_order"
                    )
                ],
            },
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
