"""Whom a source's external id was first reported for; written once, as the facts are."""

from django.db import migrations, models

WRITTEN_ONCE = """
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON activity_reportedid
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE activity_reportedid ENABLE ALWAYS TRIGGER written_once;
REVOKE UPDATE, DELETE, TRUNCATE ON activity_reportedid FROM runtime;
"""


class Migration(migrations.Migration):
    dependencies = [("activity", "0002_append_only")]

    operations = [
        migrations.CreateModel(
            name="ReportedId",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "source_id",
                        "fact",
                        "external_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("source_id", models.SmallIntegerField(verbose_name="source")),
                (
                    "fact",
                    models.CharField(
                        choices=[("activity", "activity"), ("holding", "holding")], max_length=8, verbose_name="fact"
                    ),
                ),
                ("external_id", models.CharField(max_length=80, verbose_name="external id")),
                ("member_id", models.BigIntegerField(verbose_name="member")),
            ],
            options={"verbose_name": "reported id", "verbose_name_plural": "reported ids"},
        ),
        migrations.RunSQL(WRITTEN_ONCE, "DROP TRIGGER written_once ON activity_reportedid"),
    ]
