"""The answers kept for requests that move value."""

from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='KeptAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('caller', models.CharField(max_length=40, verbose_name='caller')),
                ('member_id', models.BigIntegerField(verbose_name='member')),
                ('route', models.CharField(max_length=60, verbose_name='route')),
                ('key', models.CharField(max_length=100, verbose_name='idempotency key')),
                ('fingerprint', models.CharField(max_length=64, verbose_name='fingerprint')),
                ('status', models.SmallIntegerField(verbose_name='status')),
                ('body', models.TextField(verbose_name='body')),
                ('answered_at', models.DateTimeField(verbose_name='answered at')),
            ],
            options={
                'verbose_name': 'kept answer',
                'verbose_name_plural': 'kept answers',
                'indexes': [models.Index(fields=['answered_at'], name='kept_answer_by_time')],
                'constraints': [models.UniqueConstraint(fields=('member_id', 'caller', 'route', 'key'), name='one_answer_per_key'), models.CheckConstraint(condition=models.Q(('status__range', (200, 299))), name='only_answers_that_did_something_are_kept')],
            },
        ),
    ]
