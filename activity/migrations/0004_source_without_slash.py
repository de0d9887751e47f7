"""A source's code holds no slash, so that activity/SOURCE/EXTERNAL ID names one activity."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("activity", "0003_reportedid")]

    operations = [
        migrations.AddConstraint(
            model_name="source",
            constraint=models.CheckConstraint(
                condition=models.Q(("code__contains", "/"), _negated=True), name="source_code_without_slash"
            ),
        ),
    ]
