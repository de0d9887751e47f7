"""Who is erased takes the changes of his contact and his wishes for messages with him: their keys lay beside his own."""

from pathlib import Path

from django.db import migrations

GUARDS = (Path(__file__).parent / "sql" / "0002_guards.sql").read_text()
ERASE = GUARDS[
    GUARDS.index("CREATE FUNCTION privacy_erase(") : GUARDS.index("REVOKE EXECUTE ON FUNCTION privacy_erase")
]
ERASE = ERASE.replace("CREATE", "CREATE OR REPLACE", 1)
CODES = "  DELETE FROM members_onetimecode c WHERE c.member_id = ANY(members) OR c.target_hash = ANY(targets)\n"
CONTACTS = """
  DELETE FROM members_contactchange x USING members_onetimecode c
   WHERE x.code_id = c.id AND (c.member_id = ANY(members) OR c.target_hash = ANY(targets));
  GET DIAGNOSTICS n = ROW_COUNT; counts := counts || jsonb_build_object('contact_changes', n);
  DELETE FROM members_preference WHERE member_id = ANY(members);
  GET DIAGNOSTICS n = ROW_COUNT; counts := counts || jsonb_build_object('preferences', n);
"""


class Migration(migrations.Migration):
    dependencies = [("privacy", "0003_terms"), ("members", "0012_contact_changes")]

    operations = [migrations.RunSQL(ERASE.replace(CODES, CONTACTS.lstrip("\n") + CODES, 1), ERASE)]
