"""The outbox: ids that grow with time, and grants that let `runtime` change how far an obligation is, not what it is."""

import django.db.models.functions.datetime
from django.db import migrations, models

# A version 7 UUID (RFC 9562, with microseconds), so that the newest rows stand together in the key's index.
NEW_ID = """
CREATE FUNCTION outbox_new_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT encode(overlay(overlay(uuid_send(gen_random_uuid())
                PLACING substring(int8send(us / 1000) FROM 3) FROM 1 FOR 6)
                PLACING substring(int8send(28672 + us % 1000 * 4096 / 1000) FROM 7) FROM 7 FOR 2), 'hex')::uuid
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) moment
$$;
"""

GUARD = """
REVOKE UPDATE, DELETE, TRUNCATE ON outbox_obligation FROM runtime;
GRANT UPDATE (not_before, attempts, last_error, done_at, quarantined_at) ON outbox_obligation TO runtime;
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.RunSQL(NEW_ID, "DROP FUNCTION outbox_new_id()"),
        migrations.CreateModel(
            name='Obligation',
            fields=[
                ('id', models.UUIDField(db_default=models.Func(function='outbox_new_id'), editable=False, primary_key=True, serialize=False)),
                ('topic', models.CharField(max_length=40, verbose_name='topic')),
                ('member_id', models.BigIntegerField(verbose_name='member')),
                ('key', models.CharField(max_length=80, verbose_name='idempotency key')),
                ('payload', models.JSONField(verbose_name='payload')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='recorded at')),
                ('due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='due at')),
                ('not_before', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='not before')),
                ('attempts', models.PositiveSmallIntegerField(db_default=0, verbose_name='attempts')),
                ('last_error', models.CharField(blank=True, db_default='', max_length=400, verbose_name='last error')),
                ('done_at', models.DateTimeField(null=True, verbose_name='done at')),
                ('quarantined_at', models.DateTimeField(null=True, verbose_name='quarantined at')),
            ],
            options={
                'verbose_name': 'obligation',
                'verbose_name_plural': 'outbox',
                'indexes': [models.Index(condition=models.Q(('done_at__isnull', True)), fields=['topic', 'not_before'], name='obligation_open')],
                'constraints': [models.UniqueConstraint(fields=('member_id', 'topic', 'key'), name='obligation_once_per_member_topic_and_key'), models.CheckConstraint(condition=models.Q(('done_at__isnull', True), ('quarantined_at__isnull', True), _connector='OR'), name='obligation_done_or_quarantined')],
            },
        ),
        migrations.RunSQL(GUARD, "GRANT UPDATE, DELETE ON outbox_obligation TO runtime"),
    ]
