-- Makes and empties the stage of one batch of activities: one row a report, `seq` its place in the batch.
CREATE TEMP TABLE IF NOT EXISTS activity_stage (
  seq int NOT NULL, source_id smallint NOT NULL, external_id text NOT NULL, member_number text NOT NULL, account_number text NOT NULL,
  direction text NOT NULL, kind text NOT NULL, purpose text NOT NULL, amount_minor bigint, currency text NOT NULL, occurred_at timestamptz NOT NULL,
  channel text NOT NULL, merchant_category text NOT NULL, product text NOT NULL, branch text NOT NULL, attributes jsonb NOT NULL,
  member_id bigint, account_id bigint, occurred_on date, outcome text
) ON COMMIT DELETE ROWS;
TRUNCATE activity_stage;
