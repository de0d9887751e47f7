"""Of a protection only its early end is written later, by the request that another person decided on."""

from django.db import migrations, models

GUARD = """
REVOKE UPDATE, DELETE, TRUNCATE ON tiers_protection FROM runtime;
GRANT UPDATE (ended_on, ending_request_id) ON tiers_protection TO runtime;
"""
REVERSE = """
REVOKE UPDATE (ended_on, ending_request_id) ON tiers_protection FROM runtime;
GRANT UPDATE, DELETE ON tiers_protection TO runtime;
"""


class Migration(migrations.Migration):
    dependencies = [("tiers", "0008_drafts")]

    operations = [
        migrations.AddField(
            model_name="protection",
            name="ending_request_id",
            field=models.UUIDField(blank=True, null=True, verbose_name="request to end it"),
        ),
        migrations.RunSQL(GUARD, REVERSE),
    ]
