-- Takes activity_stage and `zone`, the bank's; gives member_id, account_id, occurred_on, the currency where none was reported, and the
-- outcome of what can't be taken: unknown_member, unknown_account (none of that number, or another member's).
-- The number of a record that was merged stands for the one that stays.
-- Served by the unique indexes of members_member.number and members_account.number.
UPDATE activity_stage s
SET member_id = r.member_id, account_id = r.account_id, occurred_on = (s.occurred_at AT TIME ZONE %(zone)s)::date,
    currency = coalesce(nullif(s.currency, ''), (SELECT currency FROM jobs_bank)),
    outcome = CASE WHEN r.account_id IS NULL AND s.account_number <> '' THEN 'unknown_account'
                   WHEN r.member_id IS NULL THEN 'unknown_member'
                   WHEN r.owner_id <> r.member_id THEN 'unknown_account' END
FROM (
  SELECT t.seq, a.id AS account_id, a.member_id AS owner_id, CASE WHEN t.member_number = '' THEN a.member_id ELSE coalesce(m.merged_into_id, m.id) END AS member_id
  FROM activity_stage t
  LEFT JOIN members_member m ON m.number = t.member_number
  LEFT JOIN members_account a ON a.number = t.account_number
) r
WHERE r.seq = s.seq;

-- Then gives the reports of an activity that was recorded on a record merged since to that
-- record again, so that what is sent twice is found. Begins with the merged records, which are few.
-- Served by member_by_merged_into and the primary key of activity_reportedid.
UPDATE activity_stage s
SET member_id = i.member_id
FROM members_member g
JOIN activity_stage t ON t.member_id = g.merged_into_id AND t.outcome IS NULL
JOIN activity_reportedid i ON i.source_id = t.source_id AND i.fact = 'activity' AND i.external_id = t.external_id AND i.member_id = g.id
WHERE g.merged_into_id IS NOT NULL AND t.seq = s.seq;
