"""Holds and the lots they have set aside, and the functions that make, capture and give them back."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("points", "0005_held"),
    ]

    operations = [
        migrations.CreateModel(
            name="Hold",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "member_id", "currency_id", "key", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("member_id", models.BigIntegerField(verbose_name="member")),
                ("currency_id", models.SmallIntegerField(verbose_name="point currency")),
                ("key", models.UUIDField(verbose_name="key")),
                ("points", models.BigIntegerField(verbose_name="points")),
                ("held_on", models.DateField(verbose_name="held on")),
                ("lapses_at", models.DateTimeField(verbose_name="lapses at")),
                ("cause", models.CharField(max_length=140, verbose_name="cause")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("held", "held"),
                            ("captured", "captured"),
                            ("released", "released"),
                            ("lapsed", "lapsed"),
                        ],
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("ended_on", models.DateField(null=True, verbose_name="ended on")),
                ("entry_number", models.IntegerField(null=True, verbose_name="entry")),
            ],
            options={
                "verbose_name": "hold",
                "verbose_name_plural": "holds",
                "indexes": [models.Index(condition=models.Q(("state", "held")), fields=["lapses_at"], name="hold_due")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("points__range", (1, 1000000000000))), name="hold_points_in_range"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_on__isnull", True), ("state", "held")),
                            models.Q(
                                ("ended_on__isnull", False), ("entry_number__isnull", False), ("state", "captured")
                            ),
                            models.Q(("ended_on__isnull", False), ("state__in", ["released", "lapsed"])),
                            _connector="OR",
                        ),
                        name="hold_ended_as_its_state_says",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="HoldPart",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "member_id",
                        "currency_id",
                        "hold_key",
                        "lot_expires_on",
                        "lot_number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("member_id", models.BigIntegerField(verbose_name="member")),
                ("currency_id", models.SmallIntegerField(verbose_name="point currency")),
                ("hold_key", models.UUIDField(verbose_name="hold")),
                ("lot_expires_on", models.DateField(verbose_name="lot expires on")),
                ("lot_number", models.IntegerField(verbose_name="lot")),
                ("points", models.BigIntegerField(verbose_name="points")),
            ],
            options={
                "verbose_name": "part of a hold",
                "verbose_name_plural": "parts of holds",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("points__gt", 0)), name="hold_part_takes_something")
                ],
            },
        ),
        migrations.RunSQL((SQL / "0006_holds.sql").read_text(), (SQL / "0006_holds_reverse.sql").read_text()),
    ]
