-- Locks the accounts that snapshot_stage names, in order of id, so that two batches give an account's revisions one after the other and
-- no snapshot slips past a closing. Served by the unique index of members_account.number.
WITH locked AS MATERIALIZED (
  SELECT id FROM members_account WHERE number IN (SELECT account_number FROM snapshot_stage) ORDER BY id FOR NO KEY UPDATE
)
SELECT count(*) FROM locked;
