-- Gives what each staged reversal, new or sent again, has taken back until now, and what of it was refused: its place in the batch,
-- currency code, points (above 0), reason ('' for what was taken). Takes the temp table reversal_stage.
-- Served by the unique indexes on (member, currency, event key) of entries and refused clawbacks; the keys are worked out once, before.
WITH own AS MATERIALIZED (
    SELECT t.seq, at.member_id, c.code, giving.currency_id,
        earning_key(probe.prefix || concat_ws('/', 'reversal', s.code, t.external_id), giving.rule_id, giving.currency_id) AS key
    FROM reversal_stage t
    -- On the record that it was earned on, and the one that this was merged into.
    CROSS JOIN LATERAL (SELECT t.member_id UNION SELECT m.merged_into_id FROM members_member m
                        WHERE m.id = t.member_id AND m.merged_into_id IS NOT NULL) at
    JOIN activity_source s ON s.id = t.source_id
    CROSS JOIN (
        SELECT rule_id, reward_currency_id AS currency_id FROM campaigns_earningruleversion WHERE reward_currency_id IS NOT NULL
        UNION
        SELECT rule_id, growth_currency_id FROM campaigns_earningruleversion WHERE growth_currency_id IS NOT NULL
    ) giving
    JOIN points_pointcurrency c ON c.id = giving.currency_id
    CROSS JOIN (VALUES (''), ('first-time/')) probe (prefix)
    WHERE t.outcome IN ('recorded', 'duplicate')
)
SELECT own.seq, own.code, sum(-found.points)::bigint, found.reason
FROM own
CROSS JOIN LATERAL (
    SELECT e.points, '' AS reason FROM points_entry e
    WHERE e.member_id = own.member_id AND e.currency_id = own.currency_id AND e.event_key = own.key
    UNION ALL
    SELECT f.points, f.reason FROM campaigns_refusedclawback f
    WHERE f.member_id = own.member_id AND f.currency_id = own.currency_id AND f.event_key = own.key
) found
GROUP BY own.seq, own.code, found.reason
