-- Takes the activities that evaluate.sql takes and adds to `posting`, for each member and rule that gives a bonus for the first time
-- and has not given it him yet, the bonus, with the first activity that the rule takes in order of time. Its key is made of rule and
-- currency alone, so that a purse takes it once, whoever else posts it meanwhile.
INSERT INTO posting
    (seq, member_id, currency_id, key, kind, points, occurred_on, expires_on, available_on, cause, rule_version_id, figures)
WITH version AS MATERIALIZED (
    SELECT v.*, lead(v.in_force_from, 1, 'infinity') OVER (PARTITION BY v.rule_id ORDER BY v.in_force_from) AS replaced_on
    FROM campaigns_earningruleversion v
),
first AS (
    SELECT DISTINCT ON (a.member_id, v.rule_id) a.member_id, a.occurred_on, s.code AS source, a.external_id, v.id, v.rule_id,
        v.reward_currency_id, v.first_time_bonus, v.pending_days
    {taken}
    WHERE v.first_time_bonus IS NOT NULL AND NOT EXISTS (
        SELECT FROM points_entry e WHERE e.member_id = a.member_id AND e.currency_id = v.reward_currency_id
            AND e.event_key = earning_key('first-time', v.rule_id, v.reward_currency_id))
    ORDER BY a.member_id, v.rule_id, a.occurred_at, a.external_id, a.source_id
)
SELECT
    (SELECT coalesce(max(seq), 0) FROM posting) + row_number() OVER (ORDER BY a.member_id, a.rule_id),
    a.member_id, currency.id, earning_key('first-time', a.rule_id, currency.id), %(bonus)s, a.first_time_bonus, a.occurred_on,
    points_expires_on(currency.*, CASE currency.expiry_policy WHEN 'by_tier' THEN {tier} END, a.occurred_on),
    a.occurred_on + a.pending_days, concat_ws('/', 'activity', a.source, a.external_id), a.id, '{"per": "first time"}'
FROM first a
JOIN points_pointcurrency currency ON currency.id = a.reward_currency_id
