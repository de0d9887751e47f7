-- Takes activity_stage after record_activities.sql; compares the rest with what stands. Gives duplicate where all is equal, else conflict:
-- other content, or the id was reported for another member. Served by the primary key of activity_activity.
UPDATE activity_stage s
SET outcome = CASE WHEN (a.member_id, a.account_id, a.direction, a.kind, a.purpose, a.amount_minor, a.currency, a.occurred_at,
                         a.channel, a.merchant_category, a.product, a.branch, a.attributes)
                        IS NOT DISTINCT FROM
                        (s.member_id, s.account_id, s.direction, s.kind, s.purpose, s.amount_minor, s.currency, s.occurred_at,
                         s.channel, s.merchant_category, s.product, s.branch, s.attributes) THEN 'duplicate' ELSE 'conflict' END
FROM activity_stage t
LEFT JOIN activity_activity a ON a.member_id = t.member_id AND a.source_id = t.source_id AND a.external_id = t.external_id
WHERE t.seq = s.seq AND s.outcome IS NULL;
