-- Takes account_stage as members.enrolling.open_accounts leaves it, `source_id` and `booking_date`; an account that closes counts 0 from
-- closed_on: inserts a balance of 0 for that day, and the next revision, 0, of its later days that say otherwise.
-- Served by the primary key of activity_balancesnapshot.
INSERT INTO activity_balancesnapshot (member_id, account_id, day, revision, amount_minor, booked_on, source_id)
SELECT c.member_id, c.account_id, d.day, coalesce(last.revision, 0) + 1, 0, greatest(d.day, %(booking_date)s), %(source_id)s
FROM account_stage c
CROSS JOIN LATERAL (
  SELECT c.closed_on AS day
  UNION
  SELECT b.day FROM activity_balancesnapshot b WHERE b.member_id = c.member_id AND b.account_id = c.account_id AND b.day > c.closed_on
) d
LEFT JOIN LATERAL (
  SELECT b.revision, b.amount_minor FROM activity_balancesnapshot b
  WHERE b.member_id = c.member_id AND b.account_id = c.account_id AND b.day = d.day
  ORDER BY b.revision DESC LIMIT 1
) last ON true
WHERE c.closed_on IS NOT NULL AND c.outcome IN ('opened', 'closed') AND last.amount_minor IS DISTINCT FROM 0;
