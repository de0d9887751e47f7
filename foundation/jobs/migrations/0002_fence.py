"""The fence of domain.md §1: whoever books asks for the first open business date and holds off the close meanwhile."""

from django.db import migrations

BOOKING_DATE = """
CREATE FUNCTION bank_booking_date() RETURNS date LANGUAGE plpgsql VOLATILE SET search_path = public AS $$
DECLARE first_open date;
BEGIN
  -- Shared; the close takes it exclusively to flip a date. 7201 is the fence's number among our advisory locks.
  PERFORM pg_advisory_xact_lock_shared(7201);
  SELECT date INTO first_open FROM jobs_businessdate WHERE status = 'open';
  IF first_open IS NULL THEN
    RAISE EXCEPTION 'no business date is open' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  RETURN first_open;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]

    operations = [migrations.RunSQL(BOOKING_DATE, "DROP FUNCTION bank_booking_date()")]
