"""Redemptions: what a member used points for, beside the entry that took them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0002_closing_booked_on"),
        ("points", "0010_family_pool"),
    ]

    operations = [
        migrations.CreateModel(
            name="Redemption",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("points", models.BigIntegerField(verbose_name="points")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("held", "held"),
                            ("done", "redeemed"),
                            ("released", "released"),
                            ("lapsed", "lapsed"),
                            ("cancelled", "cancelled"),
                        ],
                        default="done",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("caller", models.CharField(max_length=40, verbose_name="caller")),
                ("reference", models.CharField(max_length=100, verbose_name="reference")),
                ("purpose", models.CharField(max_length=80, verbose_name="purpose")),
                ("entry_number", models.IntegerField(null=True, verbose_name="entry")),
                ("hold_key", models.UUIDField(null=True, verbose_name="hold")),
                ("lapses_at", models.DateTimeField(null=True, verbose_name="lapses at")),
                ("redeemed_at", models.DateTimeField(verbose_name="redeemed at")),
                ("cancelled_at", models.DateTimeField(null=True, verbose_name="cancelled at")),
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
                "verbose_name": "redemption",
                "verbose_name_plural": "redemptions",
                "indexes": [
                    models.Index(fields=["member", "-id"], name="redemption_by_member"),
                    models.Index(fields=["caller", "-id"], name="redemption_by_caller"),
                    models.Index(condition=models.Q(("state", "held")), fields=["lapses_at"], name="redemption_held"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("member", "currency", "caller", "reference"), name="redemption_once_per_reference"
                    ),
                    models.UniqueConstraint(
                        fields=("member", "currency", "entry_number"), name="redemption_has_its_own_entry"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("points__range", (1, 1000000000000))), name="redemption_points_in_range"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("entry_number__isnull", False), ("state__in", ["done", "cancelled"])),
                            models.Q(("entry_number__isnull", True), ("hold_key__isnull", False), ("state", "held")),
                            models.Q(("hold_key__isnull", False), ("state__in", ["released", "lapsed"])),
                            _connector="OR",
                        ),
                        name="redemption_has_what_its_state_says",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("hold_key__isnull", True), ("lapses_at__isnull", True)),
                            models.Q(("hold_key__isnull", False), ("lapses_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="redemption_held_until_an_instant",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cancelled_at__isnull", False), ("state", "cancelled")),
                            models.Q(models.Q(("state", "cancelled"), _negated=True), ("cancelled_at__isnull", True)),
                            _connector="OR",
                        ),
                        name="redemption_cancelled_has_its_instant",
                    ),
                ],
            },
        ),
        # A redemption changes its state, but stays.
        migrations.RunSQL(
            "REVOKE DELETE, TRUNCATE ON points_redemption FROM runtime", "GRANT DELETE ON points_redemption TO runtime"
        ),
    ]
