-- The stage of a batch of postings, emptied by every commit and by the next stage of the same transaction.
CREATE TEMP TABLE IF NOT EXISTS posting (
  seq bigint NOT NULL, member_id bigint NOT NULL, currency_id smallint NOT NULL, key uuid NOT NULL, kind smallint NOT NULL,
  points bigint NOT NULL, occurred_on date NOT NULL, expires_on date, available_on date, cause text NOT NULL,
  rule_version_id integer, figures jsonb, takes_first integer
) ON COMMIT DELETE ROWS;
DROP INDEX IF EXISTS pg_temp.posting_by_member;
DELETE FROM posting
