-- Makes and empties the stage of one batch of reversals: one row a report, `seq` its place in the batch; `parked` rows come from the
-- parked list instead.
CREATE TEMP TABLE IF NOT EXISTS reversal_stage (
  seq bigint NOT NULL, source_id smallint NOT NULL, external_id text NOT NULL, member_number text NOT NULL DEFAULT '',
  account_number text NOT NULL DEFAULT '', original_source text NOT NULL DEFAULT '', original_external_id text NOT NULL,
  amount_minor bigint, currency text NOT NULL, occurred_at timestamptz NOT NULL,
  original_source_id smallint, member_id bigint, occurred_on date, parked boolean NOT NULL DEFAULT false, outcome text
) ON COMMIT DELETE ROWS;
TRUNCATE reversal_stage;
