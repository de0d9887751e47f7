-- Locks what is used of each cap that a staged earning may meet, in the order of the key, and opens what isn't there yet: whoever
-- else would use one of them waits until this transaction ends, and cap.sql, the next statement, reads what is used then.
INSERT INTO campaigns_capuse AS used (member_id, rule_id, currency_id, period, starts_on)
SELECT DISTINCT p.member_id, v.rule_id, p.currency_id, cap.period, cap.starts_on
FROM posting p
JOIN campaigns_earningruleversion v ON v.id = p.rule_version_id
CROSS JOIN LATERAL (VALUES
    ('day', p.occurred_on, v.cap_per_day), ('month', date_trunc('month', p.occurred_on::timestamp)::date, v.cap_per_month)
) AS cap (period, starts_on, points)
WHERE cap.points IS NOT NULL
ORDER BY 1, 2, 3, 4, 5
ON CONFLICT (member_id, rule_id, currency_id, period, starts_on) DO UPDATE SET points = used.points
