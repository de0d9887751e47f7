-- Makes and empties the stage that open_accounts.sql reads: one row a report, `seq` its place in the batch.
CREATE TEMP TABLE IF NOT EXISTS account_stage (
  seq int NOT NULL, number text NOT NULL, member_number text NOT NULL, account_class text NOT NULL, opened_on date NOT NULL, closed_on date,
  member_id bigint, account_id bigint, outcome text
) ON COMMIT DELETE ROWS;
TRUNCATE account_stage;
