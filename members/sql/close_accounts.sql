-- Takes account_stage after open_accounts.sql; locks the accounts known before, in order of id, and closes those whose report says so first.
-- Gives account_id and the outcome: closed, unchanged, account_closed (another closing date than the one reported before), conflict (other
-- member, class or opening date). Served by the unique index of members_account.number.
WITH known AS (
  SELECT s.seq, a.id, s.closed_on,
         CASE WHEN (a.member_id, a.account_class, a.opened_on) IS DISTINCT FROM (s.member_id, s.account_class, s.opened_on) THEN 'conflict'
              WHEN s.closed_on IS NULL OR s.closed_on = a.closed_on THEN 'unchanged'
              WHEN a.closed_on IS NULL THEN 'closed'
              ELSE 'account_closed' END AS outcome
  FROM account_stage s JOIN members_account a ON a.number = s.number
  WHERE s.outcome IS NULL
  ORDER BY a.id FOR NO KEY UPDATE OF a
), closed AS (
  UPDATE members_account a SET closed_on = k.closed_on FROM known k WHERE a.id = k.id AND k.outcome = 'closed'
)
UPDATE account_stage s SET account_id = k.id, outcome = k.outcome FROM known k WHERE s.seq = k.seq;
