-- Cuts the staged earnings to what is left of their rules' caps per day and per month, in the order of `seq`, which is that of time
-- (docs/earning.md), counts what they take, and drops what comes to 0. An earning whose key is booked already stands as it was booked
-- and uses nothing again. Takes `posting` and the uses that open_caps.sql has locked, read one by one by their key.
WITH capped AS MATERIALIZED (
    SELECT p.seq, p.member_id, v.rule_id, p.currency_id, p.occurred_on, month.starts_on AS month, p.points AS wanted,
        v.cap_per_day, v.cap_per_month, (
            SELECT e.points FROM points_entry e
            WHERE e.member_id = p.member_id AND e.currency_id = p.currency_id AND e.event_key = p.key
        ) AS booked,
        v.cap_per_day - (
            SELECT u.points FROM campaigns_capuse u WHERE u.member_id = p.member_id AND u.rule_id = v.rule_id
                AND u.currency_id = p.currency_id AND u.period = 'day' AND u.starts_on = p.occurred_on
        ) AS left_of_day,
        v.cap_per_month - (
            SELECT u.points FROM campaigns_capuse u WHERE u.member_id = p.member_id AND u.rule_id = v.rule_id
                AND u.currency_id = p.currency_id AND u.period = 'month' AND u.starts_on = month.starts_on
        ) AS left_of_month
    FROM posting p
    JOIN campaigns_earningruleversion v ON v.id = p.rule_version_id AND coalesce(v.cap_per_day, v.cap_per_month) IS NOT NULL
    CROSS JOIN LATERAL (SELECT date_trunc('month', p.occurred_on::timestamp)::date AS starts_on) month
),
given AS (
    SELECT *, earning_give(wanted, extract(day FROM occurred_on)::integer, left_of_day, left_of_month) FILTER (WHERE booked IS NULL)
        OVER (PARTITION BY member_id, rule_id, currency_id, month ORDER BY seq ROWS UNBOUNDED PRECEDING) AS so_far
    FROM capped
),
cut AS MATERIALIZED (  -- what was left of a period before this earning is what the batch found less what it has given but for this
    SELECT seq, member_id, rule_id, currency_id, occurred_on, month, wanted, booked, cap_per_day, cap_per_month,
        coalesce(booked, so_far[4]) AS points,
        greatest(left_of_day - so_far[2] + so_far[4], 0) AS left_of_day,
        greatest(left_of_month - so_far[1] + so_far[4], 0) AS left_of_month
    FROM given
),
counted AS (
    UPDATE campaigns_capuse u SET points = u.points + taken.points
    FROM (
        SELECT c.member_id, c.rule_id, c.currency_id, cap.period, cap.starts_on, sum(c.points)::bigint AS points
        FROM cut c
        CROSS JOIN LATERAL (VALUES ('day', c.occurred_on, c.cap_per_day), ('month', c.month, c.cap_per_month))
            AS cap (period, starts_on, points)
        WHERE c.booked IS NULL AND c.points > 0 AND cap.points IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5
    ) taken
    WHERE u.member_id = taken.member_id AND u.rule_id = taken.rule_id AND u.currency_id = taken.currency_id
        AND u.period = taken.period AND u.starts_on = taken.starts_on
),
dropped AS (
    DELETE FROM posting p USING cut c WHERE p.seq = c.seq AND c.points = 0
)
UPDATE posting p
SET points = c.points,
    figures = p.figures || jsonb_strip_nulls(jsonb_build_object(
        'uncapped', coalesce(p.figures -> 'uncapped', to_jsonb(c.wanted)),
        'cap_day', CASE WHEN c.wanted > c.left_of_day THEN c.cap_per_day END,
        'left_of_day', CASE WHEN c.wanted > c.left_of_day THEN c.left_of_day END,
        'cap_month', CASE WHEN least(c.wanted, c.left_of_day) > c.left_of_month THEN c.cap_per_month END,
        'left_of_month', CASE WHEN least(c.wanted, c.left_of_day) > c.left_of_month THEN c.left_of_month END
    ))
FROM cut c
WHERE p.seq = c.seq AND c.points > 0 AND c.points <> c.wanted
