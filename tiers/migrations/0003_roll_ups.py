"""When a series begins to count, and which members are rolled up for a business date: once, says the constraint."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tiers", "0002_append_only"),
        ("jobs", "0002_fence"),
    ]

    operations = [
        BtreeGistExtension(),
        migrations.AddField(
            model_name="series",
            name="counted_from",
            field=models.DateField(
                db_default=models.Func(function="bank_booking_date", output_field=models.DateField()),
                verbose_name="counted from",
            ),
        ),
        migrations.CreateModel(
            name="RolledUp",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("business_date", models.DateField(verbose_name="business date")),
                ("members", django.contrib.postgres.fields.ranges.BigIntegerRangeField(verbose_name="members")),
            ],
            options={
                "verbose_name": "roll-up",
                "verbose_name_plural": "roll-ups",
                "constraints": [
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[("business_date", "="), ("members", "&&")],
                        name="members_rolled_up_once_per_business_date",
                    )
                ],
            },
        ),
    ]
