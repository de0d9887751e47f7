"""What waits on the parked list may wait at another record: two records of a person were merged."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("activity", "0006_grade_scales")]

    operations = [
        migrations.RunSQL(
            "GRANT UPDATE (member_id) ON activity_parkedreversal TO runtime",
            "REVOKE UPDATE (member_id) ON activity_parkedreversal FROM runtime",
        ),
    ]
