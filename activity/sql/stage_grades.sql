-- Makes and empties the stage of one batch of grade reports: one row a report, `seq` its place in the batch.
CREATE TEMP TABLE IF NOT EXISTS grade_stage (
  seq int NOT NULL, source_id smallint NOT NULL, member_number text NOT NULL, scale text NOT NULL, day date NOT NULL,
  grade smallint NOT NULL, outcome text
) ON COMMIT DELETE ROWS;
TRUNCATE grade_stage;
