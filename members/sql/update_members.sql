-- Takes member_stage after enrol_members.sql; locks the members known before, in order of id, and brings branch and joined_on up to the report.
-- Gives their member_id and the outcome updated or unchanged. Served by the unique indexes of members_member.number and access_branch.code.
WITH known AS (
  SELECT s.seq, m.id, b.id AS branch_id, s.joined_on,
         (m.branch_id, m.joined_on) IS DISTINCT FROM (b.id, s.joined_on) AS differs
  FROM member_stage s JOIN members_member m ON m.number = s.number JOIN access_branch b ON b.code = s.branch_code
  WHERE s.outcome IS NULL
  ORDER BY m.id FOR NO KEY UPDATE OF m
), updated AS (
  UPDATE members_member m SET branch_id = k.branch_id, joined_on = k.joined_on FROM known k WHERE m.id = k.id AND k.differs
)
UPDATE member_stage s SET member_id = k.id, outcome = CASE WHEN k.differs THEN 'updated' ELSE 'unchanged' END
FROM known k WHERE s.seq = k.seq;
