"""Grades of risk beside those of credit: the scale stands in the key; what was reported before is of credit."""

from django.db import migrations, models

# The guard that refuses changes sleeps while the reports of risk are taken out on the way back.
RANKED_BY_SCALE = """
ALTER TABLE activity_gradereport ADD COLUMN scale varchar(6) NOT NULL DEFAULT 'credit';
ALTER TABLE activity_gradereport ALTER COLUMN scale DROP DEFAULT;
ALTER TABLE activity_gradereport DROP CONSTRAINT activity_gradereport_pkey;
ALTER TABLE activity_gradereport ADD PRIMARY KEY (member_id, scale, day, revision);
"""
RANKED_WITHOUT = """
ALTER TABLE activity_gradereport DISABLE TRIGGER written_once;
DELETE FROM activity_gradereport WHERE scale <> 'credit';
ALTER TABLE activity_gradereport ENABLE ALWAYS TRIGGER written_once;
ALTER TABLE activity_gradereport DROP CONSTRAINT activity_gradereport_pkey;
ALTER TABLE activity_gradereport DROP COLUMN scale;
ALTER TABLE activity_gradereport ADD PRIMARY KEY (member_id, day, revision);
"""


class Migration(migrations.Migration):
    dependencies = [("activity", "0005_reversals")]

    operations = [
        migrations.RunSQL(
            RANKED_BY_SCALE,
            RANKED_WITHOUT,
            state_operations=[
                migrations.AddField(
                    model_name="gradereport",
                    name="scale",
                    field=models.CharField(
                        choices=[("credit", "credit grade"), ("risk", "risk grade")],
                        default="credit",
                        max_length=6,
                        verbose_name="scale",
                    ),
                ),
                migrations.AlterField(
                    model_name="gradereport",
                    name="pk",
                    field=models.CompositePrimaryKey(
                        "member_id",
                        "scale",
                        "day",
                        "revision",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
            ],
        ),
        migrations.AlterField(
            model_name="gradereport", name="grade", field=models.SmallIntegerField(verbose_name="grade")
        ),
        migrations.AddConstraint(
            model_name="gradereport",
            constraint=models.CheckConstraint(
                condition=models.Q(("scale__in", ["credit", "risk"])), name="grade_scale_known"
            ),
        ),
    ]
