-- Takes reversal_stage after resolve_reversals.sql; gives the reversals of an activity that was recorded on a record merged since to that
-- record, where its activity stands. What it earned is taken from the record that stays (campaigns/sql/claw_back.sql).
-- Served by member_by_merged_into and the primary key of activity_reportedid.
UPDATE reversal_stage s
SET member_id = i.member_id
FROM members_member g
JOIN reversal_stage t ON t.member_id = g.merged_into_id AND t.outcome IS NULL
JOIN activity_reportedid i
  ON i.source_id = t.original_source_id AND i.fact = 'activity' AND i.external_id = t.original_external_id AND i.member_id = g.id
WHERE g.merged_into_id IS NOT NULL AND t.seq = s.seq;
