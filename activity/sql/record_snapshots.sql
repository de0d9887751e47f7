-- Takes snapshot_stage and `booking_date`, the accounts being locked; inserts the next revision where the balance differs from the last one.
-- Gives recorded, duplicate, superseded (a later row of the batch names the same account and day), unknown_account, account_closed.
-- Served by the unique index of members_account.number and the primary key of activity_balancesnapshot.
WITH judged AS (
  SELECT s.seq, s.source_id, s.day, s.amount_minor, a.id AS account_id, a.member_id, last.revision,
         CASE WHEN s.seq < max(s.seq) OVER (PARTITION BY s.account_number, s.day) THEN 'superseded'
              WHEN a.id IS NULL THEN 'unknown_account'
              WHEN s.day >= a.closed_on AND s.amount_minor <> 0 THEN 'account_closed'
              WHEN s.day >= a.closed_on OR s.amount_minor = last.amount_minor THEN 'duplicate'
              ELSE 'recorded' END AS outcome
  FROM snapshot_stage s
  LEFT JOIN members_account a ON a.number = s.account_number
  LEFT JOIN LATERAL (
    SELECT b.revision, b.amount_minor FROM activity_balancesnapshot b
    WHERE b.member_id = a.member_id AND b.account_id = a.id AND b.day = s.day
    ORDER BY b.revision DESC LIMIT 1
  ) last ON true
), recorded AS (
  INSERT INTO activity_balancesnapshot (member_id, account_id, day, revision, amount_minor, booked_on, source_id)
  SELECT member_id, account_id, day, coalesce(revision, 0) + 1, amount_minor, greatest(day, %(booking_date)s), source_id
  FROM judged WHERE outcome = 'recorded'
  ORDER BY member_id, account_id, day
)
UPDATE snapshot_stage s SET outcome = j.outcome FROM judged j WHERE j.seq = s.seq;
