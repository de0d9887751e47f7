"""A tier that a freeze gives back is told as its own reason."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tiers", "0009_protections")]

    operations = [
        migrations.AlterField(
            model_name="decision",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("upgraded", "upgraded"),
                    ("renewed", "renewed"),
                    ("grace", "in grace"),
                    ("downgraded", "downgraded"),
                    ("invited", "invited"),
                    ("overridden", "set by hand"),
                    ("frozen", "given back by a freeze"),
                ],
                max_length=10,
                verbose_name="outcome",
            ),
        ),
    ]
