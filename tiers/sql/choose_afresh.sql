-- Takes: business_date, first_member, last_member. Fills tiers_afresh with what this night computes from all facts: every member
-- for a series that counts from this date; a member's assets when a closing of one of his accounts is booked on it, once in an
-- account's life, since what a corrected closing date was before is not kept; all of two records that were merged on it, or parted again.
-- Index: members_account by member; merges are few.
INSERT INTO tiers_afresh (member_id, series_id)
SELECT member.id, series.id
FROM tiers_series AS series, members_member AS member
WHERE series.counted_from = %(business_date)s AND member.id BETWEEN %(first_member)s AND %(last_member)s
UNION
SELECT account.member_id, series.id
FROM members_account AS account
JOIN tiers_series AS series ON series.metric = 'average_assets' AND series.counted_from <= %(business_date)s
WHERE account.member_id BETWEEN %(first_member)s AND %(last_member)s AND account.closing_booked_on = %(business_date)s
UNION
SELECT record.member_id, series.id
FROM members_merge AS merge
CROSS JOIN LATERAL (VALUES (merge.kept_id), (merge.gone_id)) AS record (member_id)
JOIN tiers_series AS series ON series.counted_from <= %(business_date)s
WHERE (merge.booked_on = %(business_date)s OR merge.undone_on = %(business_date)s) AND record.member_id BETWEEN %(first_member)s AND %(last_member)s
