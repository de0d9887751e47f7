"""Who is erased holds nobody, and stays so, whoever writes him: a file that is being taken in, a form that was open."""

from django.db import migrations, models

STAYS = """
CREATE FUNCTION members_keep_erased() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' OR NEW.erased_on IS DISTINCT FROM OLD.erased_on THEN
    RAISE EXCEPTION 'member % is erased', OLD.member_id USING ERRCODE = 'check_violation', CONSTRAINT = 'erased_member_stays_erased';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_erased BEFORE UPDATE OR DELETE ON members_person FOR EACH ROW WHEN (OLD.erased_on IS NOT NULL)
  EXECUTE FUNCTION members_keep_erased();
ALTER TABLE members_person ENABLE ALWAYS TRIGGER keep_erased;

-- An account that was being opened while its member was erased: the batch is run once more, and finds him unknown.
CREATE FUNCTION members_refuse_accounts_of_erased() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM FROM members_member WHERE id = NEW.member_id FOR KEY SHARE;
  IF EXISTS (SELECT FROM members_person WHERE member_id = NEW.member_id AND erased_on IS NOT NULL) THEN
    RAISE EXCEPTION 'member % was erased meanwhile', NEW.member_id USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse_erased BEFORE INSERT ON members_account FOR EACH ROW EXECUTE FUNCTION members_refuse_accounts_of_erased();
ALTER TABLE members_account ENABLE ALWAYS TRIGGER refuse_erased;
"""
GOES = """
DROP TRIGGER refuse_erased ON members_account;
DROP FUNCTION members_refuse_accounts_of_erased();
DROP TRIGGER keep_erased ON members_person;
DROP FUNCTION members_keep_erased();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0006_states"),
    ]

    operations = [
        migrations.AddField(
            model_name="person",
            name="erased_on",
            field=models.DateField(editable=False, null=True, verbose_name="erased on"),
        ),
        migrations.AddConstraint(
            model_name="person",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("erased_on__isnull", True),
                    models.Q(
                        ("email_hash__isnull", True),
                        ("masked_name", ""),
                        ("masked_phone", ""),
                        ("name_hash__isnull", True),
                        ("national_id_hash__isnull", True),
                        ("phone_hash__isnull", True),
                        ("pinyin_hash__isnull", True),
                        ("surname_hash__isnull", True),
                        ("wrapped_key__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="erased_person_holds_nobody",
            ),
        ),
        migrations.RunSQL(STAYS, GOES),
    ]
