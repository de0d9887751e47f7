-- Locks the members that grade_stage names, in order of id, so that two batches give a grade's revisions one after the other.
-- Served by the unique index of members_member.number.
WITH locked AS MATERIALIZED (
  SELECT id FROM members_member WHERE id IN (SELECT coalesce(merged_into_id, id) FROM members_member WHERE number IN (SELECT member_number FROM grade_stage)) ORDER BY id FOR NO KEY UPDATE
)
SELECT count(*) FROM locked;
