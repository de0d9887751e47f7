"""BRIN indexes know nothing of pages filled since the last VACUUM and let every query read them all: sum those pages up too."""

from django.db import migrations

REFRESH = """
CREATE OR REPLACE FUNCTION bank_refresh_statistics() RETURNS integer LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE grown regclass; refreshed integer := 0;
BEGIN
  FOR grown IN SELECT relid::regclass FROM pg_stat_user_tables
                WHERE schemaname = 'public' AND n_mod_since_analyze > 500 + 0.2 * n_live_tup
                ORDER BY relid LOOP
    EXECUTE format('ANALYZE %s', grown);
    {summaries}
    refreshed := refreshed + 1;
  END LOOP;
  RETURN refreshed;
END $$;
"""
SUMMARIES = """
    PERFORM brin_summarize_new_values(i.indexrelid::regclass) FROM pg_index i
       JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
      WHERE i.indrelid = grown AND a.amname = 'brin';
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0003_statistics")]

    operations = [
        migrations.RunSQL(REFRESH.replace("{summaries}", SUMMARIES), REFRESH.replace("{summaries}", "")),
    ]
