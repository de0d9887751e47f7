"""On which date's review a standing rests, so that a review sees at once whom it must leave alone."""

from django.db import migrations, models

FILL = """
UPDATE tiers_standing SET decided_on = decision.as_of FROM tiers_decision AS decision WHERE decision.id = tiers_standing.decision_id
"""


class Migration(migrations.Migration):
    dependencies = [("tiers", "0003_roll_ups")]

    operations = [
        migrations.AddField(
            model_name="standing", name="decided_on", field=models.DateField(null=True, verbose_name="decided on")
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="standing", name="decided_on", field=models.DateField(verbose_name="decided on")
        ),
    ]
