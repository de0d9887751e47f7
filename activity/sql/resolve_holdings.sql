-- Takes holding_stage; locks the members it names, in order of id, so that two batches give a holding's revisions one after the other;
-- keeps whom each new external id is reported for. Gives member_id and unknown_member, unknown_account (none of that number, or another
-- member's), superseded (a later row of the batch names the same holding), conflict (the id was reported for another member).
-- The number of a record that was merged stands for the one that stays.
-- Served by the unique indexes of members_member.number and members_account.number and the primary key of activity_reportedid.
WITH judged AS (
  SELECT s.seq, s.source_id, s.external_id, CASE WHEN s.member_number = '' THEN a.member_id ELSE coalesce(m.merged_into_id, m.id) END AS member_id,
         CASE WHEN s.seq < max(s.seq) OVER (PARTITION BY s.source_id, s.external_id) THEN 'superseded'
              WHEN a.id IS NULL AND s.account_number <> '' THEN 'unknown_account'
              WHEN m.id IS NULL AND s.member_number <> '' THEN 'unknown_member'
              WHEN a.member_id <> coalesce(m.merged_into_id, m.id) THEN 'unknown_account' END AS outcome
  FROM holding_stage s
  LEFT JOIN members_member m ON m.number = s.member_number
  LEFT JOIN members_account a ON a.number = s.account_number
), locked AS MATERIALIZED (
  SELECT id FROM members_member WHERE id IN (SELECT member_id FROM judged WHERE outcome IS NULL) ORDER BY id FOR NO KEY UPDATE
), new_id AS (
  INSERT INTO activity_reportedid (source_id, fact, external_id, member_id)
  SELECT j.source_id, 'holding', j.external_id, j.member_id FROM judged j
  WHERE j.outcome IS NULL AND (SELECT count(*) FROM locked) > 0
  ORDER BY j.source_id, j.external_id
  ON CONFLICT DO NOTHING
)
UPDATE holding_stage s SET member_id = j.member_id, outcome = j.outcome FROM judged j WHERE j.seq = s.seq;
