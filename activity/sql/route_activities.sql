-- Takes activity_stage after resolve_activities.sql; gives the reports of an activity that was recorded on a record merged since to that
-- record again, so that what is sent twice is found. Begins with the merged records, which are few.
-- Served by member_by_merged_into and the primary key of activity_reportedid.
UPDATE activity_stage s
SET member_id = i.member_id
FROM members_member g
JOIN activity_stage t ON t.member_id = g.merged_into_id AND t.outcome IS NULL
JOIN activity_reportedid i ON i.source_id = t.source_id AND i.fact = 'activity' AND i.external_id = t.external_id AND i.member_id = g.id
WHERE g.merged_into_id IS NOT NULL AND t.seq = s.seq;
