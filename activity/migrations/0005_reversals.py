"""Reversals, and the list of those whose activity has not arrived."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.db import migrations, models

# How much of an activity each of its reversals takes, in order: one that does not fit takes nothing, one without an amount takes
# what is left. The state is what all have taken so far, and what the last one took.
FITTING = """
CREATE FUNCTION activity_reverse_step(so_far bigint[], amount bigint, remains bigint) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN so_far[1] >= remains THEN ARRAY[so_far[1], 0]
              WHEN amount IS NULL THEN ARRAY[remains, remains - so_far[1]]
              WHEN so_far[1] + amount <= remains THEN ARRAY[so_far[1] + amount, amount] ELSE ARRAY[so_far[1], 0] END
$$;
CREATE AGGREGATE activity_reverse(amount bigint, remains bigint) (
  SFUNC = activity_reverse_step, STYPE = bigint[], INITCOND = '{0,0}');
"""
UNFITTING = (
    "DROP AGGREGATE activity_reverse(bigint, bigint); DROP FUNCTION activity_reverse_step(bigint[], bigint, bigint);"
)

GUARD = """
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON activity_reversal
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE activity_reversal ENABLE ALWAYS TRIGGER written_once;
REVOKE UPDATE, DELETE, TRUNCATE ON activity_reversal, activity_parkedreversal FROM runtime;
GRANT UPDATE (outcome, settled_at) ON activity_parkedreversal TO runtime;
"""
UNGUARD = """
GRANT UPDATE, DELETE ON activity_reversal, activity_parkedreversal TO runtime;
DROP TRIGGER written_once ON activity_reversal;
"""


class Migration(migrations.Migration):
    dependencies = [("activity", "0004_source_without_slash"), ("audit", "0002_append_only")]

    operations = [
        migrations.CreateModel(
            name="Reversal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "member_id",
                        "source_id",
                        "external_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("member_id", models.BigIntegerField(verbose_name="member")),
                ("source_id", models.SmallIntegerField(verbose_name="source")),
                ("external_id", models.CharField(max_length=80, verbose_name="external id")),
                ("original_source_id", models.SmallIntegerField(verbose_name="source of the activity")),
                ("original_external_id", models.CharField(max_length=80, verbose_name="external id of the activity")),
                ("amount_minor", models.BigIntegerField(null=True, verbose_name="amount")),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                ("occurred_on", models.DateField(verbose_name="occurred on")),
                ("booked_on", models.DateField(verbose_name="booked on")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="recorded at"
                    ),
                ),
                ("of_minor", models.BigIntegerField(verbose_name="amount of the activity")),
                ("reversed_before_minor", models.BigIntegerField(verbose_name="reversed before")),
                ("reversed_minor", models.BigIntegerField(verbose_name="reversed")),
            ],
            options={
                "verbose_name": "reversal",
                "verbose_name_plural": "reversals",
                "indexes": [
                    django.contrib.postgres.indexes.BrinIndex(
                        fields=["booked_on"], name="reversal_booked", pages_per_range=16
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_minor__isnull", True),
                            ("amount_minor", models.F("reversed_minor")),
                            _connector="OR",
                        ),
                        name="reversal_takes_its_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("reversed_before_minor__gte", 0),
                            ("reversed_minor__gt", 0),
                            (
                                "of_minor__gte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("reversed_before_minor"), "+", models.F("reversed_minor")
                                ),
                            ),
                        ),
                        name="reversal_within_its_activity",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("booked_on__gte", models.F("occurred_on"))),
                        name="reversal_booked_when_it_happened_or_later",
                    ),
                    models.UniqueConstraint(
                        fields=("member_id", "original_source_id", "original_external_id", "reversed_before_minor"),
                        name="reversals_of_an_activity_in_order",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ParkedReversal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("member_id", models.BigIntegerField(verbose_name="member")),
                ("external_id", models.CharField(max_length=80, verbose_name="external id")),
                ("original_external_id", models.CharField(max_length=80, verbose_name="external id of the activity")),
                ("amount_minor", models.BigIntegerField(null=True, verbose_name="amount")),
                ("currency", models.CharField(blank=True, max_length=3, verbose_name="currency")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                ("occurred_on", models.DateField(verbose_name="occurred on")),
                (
                    "parked_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="parked at"
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("parked", "waiting for its activity"),
                            ("recorded", "recorded"),
                            ("over_reversed", "refused: more than the activity"),
                            ("reversal_of_reversal", "refused: it names a reversal"),
                            ("not_his_activity", "refused: another member's activity"),
                            ("currency_differs", "refused: another currency"),
                        ],
                        max_length=20,
                        verbose_name="outcome",
                    ),
                ),
                ("settled_at", models.DateTimeField(null=True, verbose_name="settled at")),
                (
                    "original_source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="activity.source",
                        verbose_name="source of the activity",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="activity.source",
                        verbose_name="source",
                    ),
                ),
            ],
            options={
                "verbose_name": "parked reversal",
                "verbose_name_plural": "parked reversals",
                "indexes": [
                    models.Index(
                        condition=models.Q(("outcome", "parked")),
                        fields=["original_source", "original_external_id"],
                        name="parked_by_original",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("member_id", "source_id", "external_id"), name="parked_once_per_external_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", "parked"), ("settled_at__isnull", True)),
                            models.Q(models.Q(("outcome", "parked"), _negated=True), ("settled_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="parked_until_it_is_settled",
                    ),
                ],
            },
        ),
        migrations.RunSQL(FITTING, UNFITTING),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
