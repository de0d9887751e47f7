"""Drafts of rule books; a version may be withdrawn before it comes into force, and then another may start on its day."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

GUARD = """
-- Two standing versions of a programme never start on one day; a withdrawn one keeps its day and leaves it free.
CREATE FUNCTION tiers_check_start() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('tiers_rulebook'), NEW.programme_id::int);
  IF EXISTS (SELECT FROM tiers_rulebook b WHERE b.programme_id = NEW.programme_id AND b.in_force_from = NEW.in_force_from
               AND b.id <> NEW.id AND NOT EXISTS (SELECT FROM tiers_withdrawal w WHERE w.rule_book_id = b.id)) THEN
    RAISE EXCEPTION 'another version starts on that day' USING ERRCODE = 'unique_violation', CONSTRAINT = 'one_rule_book_per_start';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER check_start AFTER INSERT ON tiers_rulebook FOR EACH ROW EXECUTE FUNCTION tiers_check_start();
ALTER TABLE tiers_rulebook ENABLE ALWAYS TRIGGER check_start;

CREATE FUNCTION tiers_check_withdrawal() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM tiers_rulebook b WHERE b.id = NEW.rule_book_id AND b.in_force_from <= NEW.withdrawn_on) THEN
    RAISE EXCEPTION 'this version is in force' USING ERRCODE = 'check_violation', CONSTRAINT = 'withdrawn_before_it_is_in_force';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_withdrawal BEFORE INSERT ON tiers_withdrawal FOR EACH ROW EXECUTE FUNCTION tiers_check_withdrawal();
ALTER TABLE tiers_withdrawal ENABLE ALWAYS TRIGGER check_withdrawal;

CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON tiers_withdrawal
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE tiers_withdrawal ENABLE ALWAYS TRIGGER written_once;
REVOKE UPDATE, DELETE, TRUNCATE ON tiers_withdrawal FROM runtime;
REVOKE DELETE, TRUNCATE ON tiers_draft FROM runtime;
"""

UNGUARD = """
GRANT DELETE ON tiers_draft TO runtime;
GRANT UPDATE, DELETE ON tiers_withdrawal TO runtime;
DROP TRIGGER written_once ON tiers_withdrawal;
DROP TRIGGER check_withdrawal ON tiers_withdrawal;
DROP FUNCTION tiers_check_withdrawal();
DROP TRIGGER check_start ON tiers_rulebook;
DROP FUNCTION tiers_check_start();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_append_only"),
        ("tiers", "0007_rehearsals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Draft",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("document", models.JSONField(verbose_name="rules")),
                ("digest", models.CharField(max_length=64, verbose_name="digest")),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "being written"), ("approved", "approved"), ("set_aside", "set aside")],
                        default="open",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("edited_at", models.DateTimeField(verbose_name="edited at")),
            ],
            options={
                "verbose_name": "draft of a rule book",
                "verbose_name_plural": "drafts of rule books",
            },
        ),
        migrations.CreateModel(
            name="Withdrawal",
            fields=[
                (
                    "rule_book",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="withdrawal",
                        serialize=False,
                        to="tiers.rulebook",
                        verbose_name="rule book",
                    ),
                ),
                ("reason", models.CharField(max_length=400, verbose_name="reason")),
                ("request_id", models.UUIDField(verbose_name="request")),
                ("withdrawn_on", models.DateField(verbose_name="withdrawn on")),
            ],
            options={
                "verbose_name": "withdrawal of a rule book",
                "verbose_name_plural": "withdrawals of rule books",
            },
        ),
        migrations.RemoveConstraint(
            model_name="rulebook",
            name="one_rule_book_per_start",
        ),
        migrations.AddField(
            model_name="draft",
            name="based_on",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tiers.rulebook",
                verbose_name="begun from version",
            ),
        ),
        migrations.AddField(
            model_name="draft",
            name="edited_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="edited by",
            ),
        ),
        migrations.AddField(
            model_name="draft",
            name="programme",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="drafts",
                to="tiers.programme",
                verbose_name="loyalty programme",
            ),
        ),
        migrations.AddField(
            model_name="draft",
            name="rule_book",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="draft",
                to="tiers.rulebook",
                verbose_name="rule book",
            ),
        ),
        migrations.AddConstraint(
            model_name="draft",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("rule_book__isnull", False), ("state", "approved")),
                    models.Q(models.Q(("state", "approved"), _negated=True), ("rule_book__isnull", True)),
                    _connector="OR",
                ),
                name="approved_draft_has_its_rule_book",
            ),
        ),
        migrations.AddConstraint(
            model_name="draft",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="draft_has_its_name"
            ),
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
