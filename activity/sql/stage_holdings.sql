-- Makes and empties the stage of one batch of holdings: one row a report, `seq` its place in the batch.
CREATE TEMP TABLE IF NOT EXISTS holding_stage (
  seq int NOT NULL, source_id smallint NOT NULL, external_id text NOT NULL, member_number text NOT NULL, account_number text NOT NULL,
  product text NOT NULL, opened_on date NOT NULL, closed_on date, member_id bigint, outcome text
) ON COMMIT DELETE ROWS;
TRUNCATE holding_stage;
