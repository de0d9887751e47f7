"""The booking date, asked for by every post: the same answer by fewer steps, since a setting of the function's own costs each call."""

from django.db import migrations

ANEW = """
CREATE OR REPLACE FUNCTION bank_booking_date() RETURNS date LANGUAGE plpgsql VOLATILE AS $$
DECLARE first_open date;
BEGIN
  -- Shared; the close takes it exclusively to flip a date. 7201 is the fence's number among our advisory locks.
  PERFORM pg_advisory_xact_lock_shared(7201);
  SELECT date INTO first_open FROM public.jobs_businessdate WHERE status = 'open';
  IF first_open IS NULL THEN
    RAISE EXCEPTION 'no business date is open' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  RETURN first_open;
END $$;
ALTER FUNCTION bank_booking_date() RESET ALL;
"""
BEFORE = "ALTER FUNCTION bank_booking_date() SET search_path = public"


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_summaries")]

    operations = [migrations.RunSQL(ANEW, BEFORE)]
