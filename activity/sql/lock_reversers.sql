-- Locks the members of reversal_stage, in order of id, until the transaction ends: the reversals of one activity are taken one after
-- the other, and each sees what the ones before it took. Served by the primary key of members_member.
WITH locked AS MATERIALIZED (
  SELECT id FROM members_member WHERE id IN (SELECT member_id FROM reversal_stage WHERE outcome IS NULL) ORDER BY id FOR NO KEY UPDATE
)
SELECT count(*) FROM locked;
