-- Makes and empties the stage that enrol_members.sql reads: one row a report, `seq` its place in the batch.
CREATE TEMP TABLE IF NOT EXISTS member_stage (
  seq int NOT NULL, number text NOT NULL, branch_code text NOT NULL, joined_on date NOT NULL, member_id bigint, outcome text
) ON COMMIT DELETE ROWS;
TRUNCATE member_stage;
