"""What becomes of points that a clawback can't take."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("points", "0004_seal"),
    ]

    operations = [
        migrations.AddField(
            model_name="pointcurrency",
            name="shortfall",
            field=models.CharField(
                choices=[("owe", "is owed"), ("write_off", "is written off"), ("refuse", "is refused")],
                db_default="owe",
                default="owe",
                max_length=9,
                verbose_name="what a clawback can't take",
            ),
        ),
        migrations.AddConstraint(
            model_name="pointcurrency",
            constraint=models.CheckConstraint(
                condition=models.Q(("shortfall__in", ["owe", "write_off", "refuse"])), name="shortfall_known"
            ),
        ),
    ]
