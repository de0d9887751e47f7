-- Takes member_stage; inserts the members that are new, by number. Of several rows of a number the last counts, the others are superseded.
-- Gives member_id and the outcome of what it decided: enrolled, superseded, unknown_branch; NULL for members known before.
-- Served by the unique indexes of members_member.number and access_branch.code.
WITH judged AS (
  SELECT s.seq, s.number, s.joined_on, b.id AS branch_id,
         CASE WHEN s.seq < max(s.seq) OVER (PARTITION BY s.number) THEN 'superseded' WHEN b.id IS NULL THEN 'unknown_branch' END AS refusal
  FROM member_stage s LEFT JOIN access_branch b ON b.code = s.branch_code
), enrolled AS (
  INSERT INTO members_member (number, branch_id, status, joined_on)
  SELECT j.number, j.branch_id, 'active', j.joined_on FROM judged j
  WHERE j.refusal IS NULL AND NOT EXISTS (SELECT FROM members_member m WHERE m.number = j.number)
  ORDER BY j.number
  ON CONFLICT (number) DO NOTHING
  RETURNING id, number
)
UPDATE member_stage s SET member_id = e.id, outcome = coalesce(j.refusal, CASE WHEN e.id IS NOT NULL THEN 'enrolled' END)
FROM judged j LEFT JOIN enrolled e ON e.number = j.number AND j.refusal IS NULL
WHERE s.seq = j.seq AND (j.refusal IS NOT NULL OR e.id IS NOT NULL);
