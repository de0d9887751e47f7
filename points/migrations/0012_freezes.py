"""Freezes: since when and why a purse can't be spent from, and the function that turns it."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0003_families"),
        ("points", "0011_redemption"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Freeze",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("frozen_on", models.DateField(verbose_name="frozen on")),
                ("reason", models.CharField(max_length=400, verbose_name="reason")),
                ("by_compliance", models.BooleanField(verbose_name="by compliance")),
                ("thawed_on", models.DateField(null=True, verbose_name="thawed on")),
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
                    "frozen_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="frozen by",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.member",
                        verbose_name="member",
                    ),
                ),
            ],
            options={
                "verbose_name": "freeze",
                "verbose_name_plural": "freezes",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("thawed_on__isnull", True)),
                        fields=("member", "currency"),
                        name="purse_frozen_once_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("thawed_on__isnull", True), ("thawed_on__gte", models.F("frozen_on")), _connector="OR"
                        ),
                        name="thawed_no_earlier_than_frozen",
                    ),
                    models.CheckConstraint(condition=models.Q(("reason", ""), _negated=True), name="freeze_says_why"),
                ],
            },
        ),
        migrations.RunSQL((SQL / "0012_freezes.sql").read_text(), (SQL / "0012_freezes_reverse.sql").read_text()),
    ]
