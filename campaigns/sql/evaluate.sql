-- Takes activities (one of the two queries beside this file, put in by taken.sql) and writes what they earn into the temp table
-- `posting`: a row for each rule that takes an activity and each currency in which that rule gives at least one point. Then gives
-- whether any rule caps a day or month, and whether any gives a first-time bonus: what cap.sql and first_time.sql are for.
--
-- Points = floor(rate × units × multiplier), units being the amount in units of money or 1, once and exactly (amounts are
-- multiplied by 0.01, never divided: numeric division rounds); then the cap per activity. Rule version, rule book and its terms
-- are those in force on the day the activity occurred; the standing is that of the day before (domain.md §3, §4).
--
-- One stream of activities meets small configuration and, by the index of tiers_decision on (member, programme, as_of), the
-- last decision; no step joins two streams of unknown size, so that no estimate of theirs can go wrong.
INSERT INTO posting
    (seq, member_id, currency_id, key, kind, points, occurred_on, expires_on, available_on, cause, rule_version_id, figures)
WITH version AS MATERIALIZED (
    SELECT v.*, lead(v.in_force_from, 1, 'infinity') OVER (PARTITION BY v.rule_id ORDER BY v.in_force_from) AS replaced_on
    FROM campaigns_earningruleversion v
),
book AS (
    SELECT b.*, lead(b.in_force_from, 1, 'infinity') OVER (PARTITION BY b.programme_id ORDER BY b.in_force_from) AS replaced_on
    FROM tiers_rulebook b
    WHERE b.id NOT IN (SELECT rule_book_id FROM tiers_withdrawal)
),
multiplying AS MATERIALIZED (
    SELECT earningruleversion_id AS version_id, programme_id FROM campaigns_earningruleversion_programmes
    UNION ALL
    SELECT v.id, p.id FROM campaigns_earningruleversion v JOIN tiers_programme p ON p.is_main
    WHERE v.id NOT IN (SELECT earningruleversion_id FROM campaigns_earningruleversion_programmes)
),
-- What a tier is worth to a version while a rule book is in force that says so; else 1.
terms AS MATERIALIZED (
    SELECT m.version_id, p.id AS programme_id, p.code AS programme, t.id AS tier_id, t.code AS tier, t.rank = 0 AS is_standard,
        e.multiplier, b.in_force_from, b.replaced_on
    FROM multiplying m
    JOIN tiers_programme p ON p.id = m.programme_id
    JOIN tiers_tier t ON t.programme_id = p.id
    JOIN book b ON b.programme_id = p.id
    JOIN tiers_tierterms e ON e.rule_book_id = b.id AND e.tier_id = t.id
)
SELECT
    row_number() OVER (ORDER BY a.member_id, a.occurred_at, a.external_id, a.source_id, v.rule_id, currency.id),
    a.member_id, currency.id, earning_key(cause.cause, v.rule_id, currency.id), %(earn)s, least(earned.points, cap.points),
    a.occurred_on,
    points_expires_on(currency.*, CASE currency.expiry_policy WHEN 'by_tier' THEN {tier} END, a.occurred_on),
    CASE WHEN currency.kind = 'reward' THEN a.occurred_on + v.pending_days END,
    cause.cause, v.id,
    jsonb_strip_nulls(jsonb_build_object(
        'per', v.per,
        'amount_minor', CASE WHEN v.per = 'amount' THEN a.amount_minor END,
        'rate', trim_scale(given.rate)::text,
        'multiplier', CASE WHEN factor.multiplier <> 1 THEN trim_scale(factor.multiplier)::text END,
        'programme', CASE WHEN factor.multiplier <> 1 THEN best.programme END,
        'tier', CASE WHEN factor.multiplier <> 1 THEN best.tier END,
        'uncapped', CASE WHEN earned.points > cap.points THEN earned.points END,
        'cap', CASE WHEN earned.points > cap.points THEN cap.points END
    ))
{taken}
LEFT JOIN LATERAL (
    SELECT coalesce(t.multiplier, 1) AS multiplier, t.programme, t.tier
    FROM multiplying p
    LEFT JOIN LATERAL (
        SELECT d.to_tier_id FROM tiers_decision d
        WHERE d.member_id = a.member_id AND d.programme_id = p.programme_id AND d.as_of < a.occurred_on
        ORDER BY d.as_of DESC LIMIT 1
    ) last ON true
    LEFT JOIN terms t ON t.version_id = v.id AND t.programme_id = p.programme_id
        AND t.in_force_from <= a.occurred_on AND a.occurred_on < t.replaced_on
        AND CASE WHEN last.to_tier_id IS NULL THEN t.is_standard ELSE t.tier_id = last.to_tier_id END
    WHERE p.version_id = v.id
    ORDER BY 1 DESC, p.programme_id LIMIT 1
) best ON v.multiplies_reward OR v.multiplies_growth
CROSS JOIN LATERAL (VALUES
    (v.reward_currency_id, v.reward_rate, v.multiplies_reward), (v.growth_currency_id, v.growth_rate, v.multiplies_growth)
) AS given (currency_id, rate, multiplied)
JOIN points_pointcurrency currency ON currency.id = given.currency_id
CROSS JOIN LATERAL (SELECT CASE WHEN given.multiplied THEN coalesce(best.multiplier, 1) ELSE 1 END AS multiplier) factor
CROSS JOIN LATERAL (
    SELECT floor(given.rate * factor.multiplier * CASE v.per WHEN 'activity' THEN 1 ELSE a.amount_minor * 0.01 END) AS points
) earned
-- The ledger takes no entry of more than 10^12 points.
CROSS JOIN LATERAL (SELECT coalesce(v.cap_per_activity, 1000000000000) AS points) cap
CROSS JOIN LATERAL (SELECT concat_ws('/', 'activity', s.code, a.external_id) AS cause) cause
WHERE earned.points >= 1;
SELECT coalesce(bool_or(cap_per_day IS NOT NULL OR cap_per_month IS NOT NULL), false), coalesce(bool_or(first_time_bonus IS NOT NULL), false)
FROM campaigns_earningruleversion
