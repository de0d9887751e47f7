"""A redemption that the family pays: who redeemed, beside whose points they were."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0003_families"),
        ("points", "0013_closed_purses"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="redemption",
            name="redemption_once_per_reference",
        ),
        migrations.AddField(
            model_name="redemption",
            name="for_member",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.member",
                verbose_name="redeemed by",
            ),
        ),
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(
                condition=models.Q(("for_member__isnull", False)),
                fields=["for_member", "-id"],
                name="redemption_by_family_member",
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.UniqueConstraint(
                fields=("member", "currency", "caller", "reference", "for_member"),
                name="redemption_once_per_reference",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("for_member__isnull", True),
                    models.Q(("for_member", models.F("member")), _negated=True),
                    _connector="OR",
                ),
                name="redemption_for_somebody_else",
            ),
        ),
    ]
