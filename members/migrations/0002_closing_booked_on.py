"""When an account's closing was booked, so that a night takes it like every other fact, whoever wrote it."""

from django.db import migrations, models

BOOK_CLOSING = """
CREATE FUNCTION members_book_closing() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
  IF TG_OP = 'INSERT' OR NEW.closed_on IS DISTINCT FROM OLD.closed_on THEN
    NEW.closing_booked_on := bank_booking_date();
  ELSE
    NEW.closing_booked_on := OLD.closing_booked_on;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER closing_is_booked_on_insert BEFORE INSERT ON members_account
  FOR EACH ROW WHEN (NEW.closed_on IS NOT NULL) EXECUTE FUNCTION members_book_closing();
CREATE TRIGGER closing_is_booked_on_update BEFORE UPDATE OF closed_on ON members_account
  FOR EACH ROW EXECUTE FUNCTION members_book_closing();
"""
REVERSE = """
DROP TRIGGER closing_is_booked_on_insert ON members_account;
DROP TRIGGER closing_is_booked_on_update ON members_account;
DROP FUNCTION members_book_closing();
"""


class Migration(migrations.Migration):
    dependencies = [("members", "0001_initial"), ("jobs", "0002_fence")]

    operations = [
        migrations.AddField(
            model_name="account",
            name="closing_booked_on",
            field=models.DateField(editable=False, null=True, verbose_name="closing booked on"),
        ),
        migrations.RunSQL(BOOK_CLOSING, REVERSE),
    ]
