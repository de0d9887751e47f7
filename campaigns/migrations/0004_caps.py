"""Caps per day and month with what is used of them, and the bonus for the first time."""

from django.db import migrations, models

# Pages keep room for updates in place. What was once counted is never taken away: cap room is not reopened.
TABLE = """
ALTER TABLE campaigns_capuse SET (fillfactor = 75);
REVOKE DELETE, TRUNCATE ON campaigns_capuse FROM runtime;
"""
UNTABLE = "GRANT DELETE ON campaigns_capuse TO runtime; ALTER TABLE campaigns_capuse RESET (fillfactor);"

# Points that a member is given one after the other out of what is left of a day and a month (NULL: not capped), as an aggregate over a
# window of one month, in order. It holds: given in the month so far, given on the day so far, the day, given last.
GIVING = """
CREATE FUNCTION earning_give_step(so_far bigint[], wanted bigint, day integer, left_of_day bigint, left_of_month bigint)
RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ARRAY[so_far[1] + given, on_day + given, day, given]
    FROM (SELECT CASE WHEN so_far[3] = day THEN so_far[2] ELSE 0 END AS on_day) d
   CROSS JOIN LATERAL (
     SELECT greatest(least(wanted, left_of_day - on_day, left_of_month - so_far[1]), 0) AS given) g
$$;
CREATE AGGREGATE earning_give(wanted bigint, day integer, left_of_day bigint, left_of_month bigint) (
  SFUNC = earning_give_step, STYPE = bigint[], INITCOND = '{0,0,0,0}');
"""
UNGIVING = """
DROP AGGREGATE earning_give(bigint, integer, bigint, bigint);
DROP FUNCTION earning_give_step(bigint[], bigint, integer, bigint, bigint);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0003_earning_key"),
        ("points", "0004_seal"),
        ("tiers", "0004_standing_decided_on"),
    ]

    operations = [
        migrations.CreateModel(
            name="CapUse",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "member_id",
                        "rule_id",
                        "currency_id",
                        "period",
                        "starts_on",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("member_id", models.BigIntegerField(verbose_name="member")),
                ("rule_id", models.BigIntegerField(verbose_name="earning rule")),
                ("currency_id", models.SmallIntegerField(verbose_name="point currency")),
                (
                    "period",
                    models.CharField(choices=[("day", "day"), ("month", "month")], max_length=5, verbose_name="period"),
                ),
                ("starts_on", models.DateField(verbose_name="starts on")),
                ("points", models.BigIntegerField(db_default=0, verbose_name="points")),
            ],
            options={
                "verbose_name": "use of a cap",
                "verbose_name_plural": "uses of caps",
            },
        ),
        migrations.AddField(
            model_name="earningruleversion",
            name="cap_per_day",
            field=models.BigIntegerField(
                blank=True, help_text="In points, for each currency and member.", null=True, verbose_name="cap per day"
            ),
        ),
        migrations.AddField(
            model_name="earningruleversion",
            name="cap_per_month",
            field=models.BigIntegerField(
                blank=True,
                help_text="In points, for each currency and member.",
                null=True,
                verbose_name="cap per month",
            ),
        ),
        migrations.AddField(
            model_name="earningruleversion",
            name="first_time_bonus",
            field=models.BigIntegerField(
                blank=True,
                help_text="In reward points, once per member and rule.",
                null=True,
                verbose_name="first-time bonus",
            ),
        ),
        migrations.AddConstraint(
            model_name="earningruleversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cap_per_day__isnull", True), ("cap_per_day__gt", 0), _connector="OR"),
                    models.Q(("cap_per_month__isnull", True), ("cap_per_month__gt", 0), _connector="OR"),
                ),
                name="earning_caps_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="earningruleversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("first_time_bonus__isnull", True),
                    models.Q(("first_time_bonus__range", (1, 1000000000000)), ("reward_currency__isnull", False)),
                    _connector="OR",
                ),
                name="first_time_bonus_has_its_currency",
            ),
        ),
        migrations.AddConstraint(
            model_name="capuse",
            constraint=models.CheckConstraint(
                condition=models.Q(("period__in", ["day", "month"])), name="cap_period_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="capuse",
            constraint=models.CheckConstraint(condition=models.Q(("points__gte", 0)), name="cap_use_not_negative"),
        ),
        migrations.RunSQL(TABLE, UNTABLE),
        migrations.RunSQL(GIVING, UNGIVING),
    ]
