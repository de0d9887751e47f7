"""States of a membership with gates and moves, and what a member prefers."""

import datetime

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

STATES = """
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON members_statuschange
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE members_statuschange ENABLE ALWAYS TRIGGER written_once;
REVOKE UPDATE, DELETE, TRUNCATE ON members_statuschange FROM runtime;

-- What keeps a membership from earning and from spending, NULL where nothing does: the word that the ledger answers. The same table as
-- members.states.GATES, which a test compares; a member who cools off has a new contact and has just been woken.
CREATE FUNCTION members_gates(status text, accepted_at timestamptz, cools_off_until timestamptz)
RETURNS TABLE (no_earning text, no_spending text) LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN status IN ('suspended', 'closed') THEN status END,
         CASE WHEN status IN ('suspended', 'closed', 'dormant') THEN status
              WHEN accepted_at IS NULL THEN 'invited'
              WHEN cools_off_until IS NOT NULL THEN 'cooling_off' END
$$;

-- The first instant from `at` on that lies outside the quiet hours of a day in the zone; they may pass midnight, and none are NULL.
CREATE FUNCTION members_after_quiet(at timestamptz, quiet_from time, quiet_until time, zone text)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN quiet_from IS NULL THEN at
              WHEN quiet_from < quiet_until AND l.t >= quiet_from AND l.t < quiet_until THEN (l.d + quiet_until) AT TIME ZONE zone
              WHEN quiet_from > quiet_until AND l.t >= quiet_from THEN (l.d + 1 + quiet_until) AT TIME ZONE zone
              WHEN quiet_from > quiet_until AND l.t < quiet_until THEN (l.d + quiet_until) AT TIME ZONE zone
              ELSE at END
    FROM (SELECT (at AT TIME ZONE zone)::date AS d, (at AT TIME ZONE zone)::time AS t) l
$$;
"""
REVERSE = """
DROP FUNCTION members_after_quiet(timestamptz, time, time, text);
DROP FUNCTION members_gates(text, timestamptz, timestamptz);
GRANT UPDATE, DELETE ON members_statuschange TO runtime;
DROP TRIGGER written_once ON members_statuschange;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0003_more_roles"),
        ("members", "0005_assignments"),
        ("audit", "0002_append_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Preference",
            fields=[
                (
                    "member",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="preference",
                        serialize=False,
                        to="members.member",
                        verbose_name="member",
                    ),
                ),
                ("version", models.PositiveIntegerField(default=0, verbose_name="version")),
                (
                    "muted",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), default=list, size=None, verbose_name="switched off"
                    ),
                ),
                ("quiet_from", models.TimeField(default=datetime.time(21, 0), null=True, verbose_name="quiet from")),
                ("quiet_until", models.TimeField(default=datetime.time(9, 0), null=True, verbose_name="quiet until")),
                (
                    "reminders",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.SmallIntegerField(),
                        default=list,
                        size=None,
                        verbose_name="reminders, days before",
                    ),
                ),
            ],
            options={
                "verbose_name": "preference",
                "verbose_name_plural": "preferences",
            },
        ),
        migrations.CreateModel(
            name="StatusChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "from_state",
                    models.CharField(
                        choices=[
                            ("invited", "invited"),
                            ("active", "active"),
                            ("dormant", "dormant"),
                            ("suspended", "suspended"),
                            ("closed", "closed"),
                        ],
                        max_length=10,
                        verbose_name="from",
                    ),
                ),
                (
                    "to_state",
                    models.CharField(
                        choices=[
                            ("invited", "invited"),
                            ("active", "active"),
                            ("dormant", "dormant"),
                            ("suspended", "suspended"),
                            ("closed", "closed"),
                        ],
                        max_length=10,
                        verbose_name="to",
                    ),
                ),
                ("changed_on", models.DateField(verbose_name="on")),
                ("booked_on", models.DateField(null=True, verbose_name="booked on")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="recorded at"
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("accepted", "accepted the terms"),
                            ("inactive", "no activity for long"),
                            ("activity", "an activity of his own"),
                            ("visit", "signed in"),
                            ("counter", "came to the counter"),
                            ("fraud", "suspicion of fraud"),
                            ("takeover", "somebody else may use it"),
                            ("legal", "order of an authority"),
                            ("dispute", "dispute under way"),
                            ("cleared", "cleared up"),
                            ("mistake", "suspended by mistake"),
                            ("wish", "his own wish"),
                            ("deceased", "deceased"),
                            ("breach", "breach of the terms"),
                            ("left_bank", "left the bank"),
                        ],
                        max_length=10,
                        verbose_name="reason",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=400, verbose_name="note")),
            ],
            options={
                "verbose_name": "status change",
                "verbose_name_plural": "status changes",
            },
        ),
        migrations.RemoveConstraint(
            model_name="member",
            name="member_status_known",
        ),
        migrations.AddField(
            model_name="member",
            name="contact_changed_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="contact changed at"),
        ),
        migrations.AddField(
            model_name="member",
            name="cools_off_until",
            field=models.DateTimeField(editable=False, null=True, verbose_name="nothing is spent until"),
        ),
        migrations.AddField(
            model_name="member",
            name="last_act_on",
            field=models.DateField(editable=False, null=True, verbose_name="last own act"),
        ),
        migrations.AddField(
            model_name="member",
            name="leaves_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="leaves at"),
        ),
        migrations.AddField(
            model_name="member",
            name="woken_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="woken at"),
        ),
        migrations.AlterField(
            model_name="member",
            name="status",
            field=models.CharField(
                choices=[
                    ("active", "active"),
                    ("dormant", "dormant"),
                    ("suspended", "suspended"),
                    ("closed", "closed"),
                ],
                default="active",
                max_length=10,
                verbose_name="status",
            ),
        ),
        migrations.AddIndex(
            model_name="member",
            index=models.Index(condition=models.Q(("status", "suspended")), fields=["id"], name="member_suspended"),
        ),
        migrations.AddIndex(
            model_name="member",
            index=models.Index(condition=models.Q(("status", "dormant")), fields=["id"], name="member_dormant"),
        ),
        migrations.AddIndex(
            model_name="member",
            index=models.Index(
                condition=models.Q(("leaves_at__isnull", False)), fields=["leaves_at"], name="member_leaving"
            ),
        ),
        migrations.AddIndex(
            model_name="member",
            index=models.Index(
                condition=models.Q(("cools_off_until__isnull", False)),
                fields=["cools_off_until"],
                name="member_cooling_off",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["active", "dormant", "suspended", "closed"])),
                name="member_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "dormant"), _negated=True), ("accepted_at__isnull", False), _connector="OR"
                ),
                name="dormant_member_has_accepted",
            ),
        ),
        migrations.AddConstraint(
            model_name="preference",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "muted__contained_by",
                        [
                            "membership/sms",
                            "membership/mail",
                            "points/sms",
                            "points/mail",
                            "tier/sms",
                            "tier/mail",
                            "offers/sms",
                            "offers/mail",
                        ],
                    )
                ),
                name="preference_mutes_known_cells",
            ),
        ),
        migrations.AddConstraint(
            model_name="preference",
            constraint=models.CheckConstraint(
                condition=models.Q(("reminders__contained_by", [90, 30, 7])), name="preference_reminders_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="preference",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("quiet_from__isnull", True), ("quiet_until__isnull", True)),
                    models.Q(
                        ("quiet_from__isnull", False),
                        ("quiet_until__isnull", False),
                        models.Q(("quiet_from", models.F("quiet_until")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="preference_quiet_hours_whole",
            ),
        ),
        migrations.AddField(
            model_name="statuschange",
            name="actor",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="actor",
            ),
        ),
        migrations.AddField(
            model_name="statuschange",
            name="member",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="status_changes",
                to="members.member",
                verbose_name="member",
            ),
        ),
        migrations.AddIndex(
            model_name="statuschange",
            index=models.Index(fields=["member", "id"], name="status_change_by_member"),
        ),
        migrations.AddIndex(
            model_name="statuschange",
            index=models.Index(
                condition=models.Q(("from_state", "suspended")),
                fields=["booked_on", "member"],
                name="status_change_lifted",
            ),
        ),
        migrations.AddConstraint(
            model_name="statuschange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("from_state", "active"), ("to_state", "closed")),
                    models.Q(("from_state", "active"), ("to_state", "dormant")),
                    models.Q(("from_state", "active"), ("to_state", "suspended")),
                    models.Q(("from_state", "dormant"), ("to_state", "active")),
                    models.Q(("from_state", "dormant"), ("to_state", "closed")),
                    models.Q(("from_state", "dormant"), ("to_state", "suspended")),
                    models.Q(("from_state", "invited"), ("to_state", "active")),
                    models.Q(("from_state", "invited"), ("to_state", "closed")),
                    models.Q(("from_state", "invited"), ("to_state", "suspended")),
                    models.Q(("from_state", "suspended"), ("to_state", "active")),
                    models.Q(("from_state", "suspended"), ("to_state", "closed")),
                    models.Q(("from_state", "suspended"), ("to_state", "invited")),
                    _connector="OR",
                ),
                name="status_change_is_a_move",
            ),
        ),
        migrations.AddConstraint(
            model_name="statuschange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "reason__in",
                        [
                            "accepted",
                            "inactive",
                            "activity",
                            "visit",
                            "counter",
                            "fraud",
                            "takeover",
                            "legal",
                            "dispute",
                            "cleared",
                            "mistake",
                            "wish",
                            "deceased",
                            "breach",
                            "left_bank",
                        ],
                    )
                ),
                name="status_change_reason_known",
            ),
        ),
        migrations.RunSQL(STATES, REVERSE),
    ]
