"""The key under which an earning is posted: the same activity, rule and currency always give the same one."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION earning_key(cause text, rule_id bigint, currency_id integer) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN encode(substr(sha256(convert_to(cause || '/' || rule_id || '/' || currency_id, 'UTF8')), 1, 16), 'hex')::uuid
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0002_append_only")]

    operations = [migrations.RunSQL(FORWARD, "DROP FUNCTION earning_key(text, bigint, integer)")]
