-- Gives what each staged activity, new or sent again, has earned until now: its place in the batch, currency code, points.
-- Takes the temp table activity_stage. Served by the entry's unique index on (member, currency, event key): every rule and
-- currency that could have earned, and its bonus for the first time, is probed, so that a member's long history costs nothing.
SELECT t.seq, c.code, sum(e.points)::bigint
FROM activity_stage t
JOIN activity_source s ON s.id = t.source_id
CROSS JOIN (
    SELECT rule_id, reward_currency_id AS currency_id FROM campaigns_earningruleversion WHERE reward_currency_id IS NOT NULL
    UNION
    SELECT rule_id, growth_currency_id FROM campaigns_earningruleversion WHERE growth_currency_id IS NOT NULL
) giving
CROSS JOIN LATERAL (SELECT concat_ws('/', 'activity', s.code, t.external_id) AS cause) cause
JOIN points_pointcurrency c ON c.id = giving.currency_id
JOIN points_entry e ON e.member_id = t.member_id AND e.currency_id = giving.currency_id
    AND e.event_key IN (earning_key(cause.cause, giving.rule_id, giving.currency_id),
                        earning_key('first-time', giving.rule_id, giving.currency_id))
    AND e.cause = cause.cause
WHERE t.outcome IN ('recorded', 'duplicate')
GROUP BY t.seq, c.code
