"""After a bulk load the planner must know the new sizes at once; `runtime` may not ANALYZE, so `owner` lends a function."""

from django.db import migrations

REFRESH = """
CREATE FUNCTION bank_refresh_statistics() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE grown regclass; refreshed integer := 0;
BEGIN
  FOR grown IN SELECT relid::regclass FROM pg_stat_user_tables
                WHERE schemaname = 'public' AND n_mod_since_analyze > 500 + 0.2 * n_live_tup
                ORDER BY relid LOOP
    EXECUTE format('ANALYZE %s', grown);
    refreshed := refreshed + 1;
  END LOOP;
  RETURN refreshed;
END $$;
REVOKE EXECUTE ON FUNCTION bank_refresh_statistics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bank_refresh_statistics() TO runtime;
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_fence")]

    operations = [migrations.RunSQL(REFRESH, "DROP FUNCTION bank_refresh_statistics()")]
