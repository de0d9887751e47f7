-- Takes snapshot_stage after record_snapshots.sql of activity, in the same transaction.
-- Gives the places of the reports that were recorded over an earlier balance of the account and day. Served by the primary key.
SELECT s.seq FROM snapshot_stage s
JOIN members_account a ON a.number = s.account_number
WHERE s.outcome = 'recorded' AND EXISTS (
  SELECT FROM activity_balancesnapshot b
  WHERE b.member_id = a.member_id AND b.account_id = a.id AND b.day = s.day AND b.revision > 1)
