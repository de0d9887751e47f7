-- Makes and empties the stage of one batch of balance snapshots: one row a report, `seq` its place in the batch.
CREATE TEMP TABLE IF NOT EXISTS snapshot_stage (
  seq int NOT NULL, source_id smallint NOT NULL, account_number text NOT NULL, day date NOT NULL, amount_minor bigint NOT NULL, outcome text
) ON COMMIT DELETE ROWS;
TRUNCATE snapshot_stage;
