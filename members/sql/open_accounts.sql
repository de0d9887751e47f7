-- Takes account_stage; inserts the accounts that are new, by number. Of several rows of a number the last counts, the others are superseded.
-- Gives member_id, account_id and the outcome of what it decided: opened, superseded, unknown_member (also for one who is erased); NULL for accounts
-- known before. The number of a record that was merged stands for the one that stays.
-- Served by the unique indexes of members_member.number and members_account.number.
WITH judged AS (
  SELECT s.seq, s.number, s.account_class, s.opened_on, s.closed_on, coalesce(m.merged_into_id, m.id) AS member_id,
         CASE WHEN s.seq < max(s.seq) OVER (PARTITION BY s.number) THEN 'superseded' WHEN m.id IS NULL OR p.erased_on IS NOT NULL THEN 'unknown_member' END AS refusal
  FROM account_stage s LEFT JOIN members_member m ON m.number = s.member_number
       LEFT JOIN members_person p ON p.member_id = coalesce(m.merged_into_id, m.id)
), opened AS (
  INSERT INTO members_account (number, member_id, account_class, opened_on, closed_on)
  SELECT j.number, j.member_id, j.account_class, j.opened_on, j.closed_on FROM judged j
  WHERE j.refusal IS NULL AND NOT EXISTS (SELECT FROM members_account a WHERE a.number = j.number)
  ORDER BY j.number
  ON CONFLICT (number) DO NOTHING
  RETURNING id, number
)
UPDATE account_stage s
SET member_id = j.member_id, account_id = o.id, outcome = coalesce(j.refusal, CASE WHEN o.id IS NOT NULL THEN 'opened' END)
FROM judged j LEFT JOIN opened o ON o.number = j.number AND j.refusal IS NULL
WHERE s.seq = j.seq;
