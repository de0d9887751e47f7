-- Takes `giver` and `taker`, two records of a person, `accounts` and `booking_date`; reports the last balance of each day of these accounts,
-- as it stands at the giver, for the taker too, booked now: facts of the giver stay as they are. Served by the primary key of
-- activity_balancesnapshot.
INSERT INTO activity_balancesnapshot (member_id, account_id, day, revision, amount_minor, booked_on, source_id)
SELECT %(taker)s, last.account_id, last.day, coalesce(there.revision, 0) + 1, last.amount_minor, greatest(last.day, %(booking_date)s), last.source_id
FROM (
  SELECT DISTINCT ON (account_id, day) account_id, day, amount_minor, source_id FROM activity_balancesnapshot
  WHERE member_id = %(giver)s AND account_id = ANY (%(accounts)s::bigint[])
  ORDER BY account_id, day, revision DESC
) last
LEFT JOIN LATERAL (
  SELECT b.revision, b.amount_minor FROM activity_balancesnapshot b
  WHERE b.member_id = %(taker)s AND b.account_id = last.account_id AND b.day = last.day
  ORDER BY b.revision DESC LIMIT 1
) there ON true
WHERE there.amount_minor IS DISTINCT FROM last.amount_minor
ORDER BY last.account_id, last.day
