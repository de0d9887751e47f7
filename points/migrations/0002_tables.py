"""What the ORM can't say of the ledger's tables: the partitioned lots, fill factors, append-only triggers, and who may write.

`runtime` keeps SELECT only; what it must do to these tables it does through functions of `owner` (reliability.md, decision 1).
"""

from django.db import migrations

LOT = """
CREATE TABLE points_lot (
  member_id bigint NOT NULL, currency_id smallint NOT NULL, expires_on date NOT NULL, number integer NOT NULL,
  points bigint NOT NULL, remaining bigint NOT NULL, expired bigint NOT NULL DEFAULT 0, available_on date NOT NULL,
  PRIMARY KEY (member_id, currency_id, expires_on, number),
  CONSTRAINT lot_points_positive CHECK (points > 0),
  CONSTRAINT lot_remaining_not_negative CHECK (remaining >= 0),
  CONSTRAINT lot_expired_not_negative CHECK (expired >= 0),
  CONSTRAINT lot_gives_no_more_than_its_points CHECK (remaining + expired <= points)
) PARTITION BY RANGE (expires_on);
-- The catch-all holds what never expires; every month that expires has a partition of its own, made before it is written.
CREATE TABLE points_lot_rest PARTITION OF points_lot DEFAULT WITH (fillfactor = 85);
ALTER TABLE points_purse SET (fillfactor = 75);
"""

GUARD = """
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON points_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE points_entry ENABLE ALWAYS TRIGGER written_once;
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON points_allocation FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE points_allocation ENABLE ALWAYS TRIGGER written_once;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON points_purse, points_entry, points_lot, points_lot_rest, points_allocation FROM runtime;
"""

UNGUARD = """
GRANT INSERT, UPDATE, DELETE ON points_purse, points_entry, points_lot, points_lot_rest, points_allocation TO runtime;
DROP TRIGGER written_once ON points_entry;
DROP TRIGGER written_once ON points_allocation;
"""


class Migration(migrations.Migration):
    dependencies = [("points", "0001_initial"), ("audit", "0002_append_only")]

    operations = [
        migrations.RunSQL(LOT, "DROP TABLE points_lot; ALTER TABLE points_purse RESET (fillfactor);"),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
