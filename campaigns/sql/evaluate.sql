-- Takes activities (one of the two queries beside this file, put in below) and writes what they earn into the temp table
-- `posting`: a row for each rule that takes an activity and each currency in which that rule gives at least one point.
--
-- Points = floor(rate × units × multiplier), units being the amount in units of money or 1, once and exactly (amounts are
-- multiplied by 0.01, never divided: numeric division rounds); then the cap. Rule version, rule book and its terms are those
-- in force on the day the activity occurred; the standing is that of the day before (domain.md §3, §4).
-- Served by the index of tiers_decision on (member, programme, as_of); everything else here is small configuration.
INSERT INTO posting
    (seq, member_id, currency_id, key, kind, points, occurred_on, expires_on, available_on, cause, rule_version_id, figures)
WITH fact AS MATERIALIZED (
    {activities}
),
version AS (
    SELECT v.*, lead(v.in_force_from, 1, 'infinity') OVER (PARTITION BY v.rule_id ORDER BY v.in_force_from) AS replaced_on
    FROM campaigns_earningruleversion v
),
book AS (
    SELECT b.*, lead(b.in_force_from, 1, 'infinity') OVER (PARTITION BY b.programme_id ORDER BY b.in_force_from) AS replaced_on
    FROM tiers_rulebook b
),
multiplying AS (
    SELECT earningruleversion_id AS version_id, programme_id FROM campaigns_earningruleversion_programmes
    UNION ALL
    SELECT v.id, p.id FROM campaigns_earningruleversion v JOIN tiers_programme p ON p.is_main
    WHERE v.id NOT IN (SELECT earningruleversion_id FROM campaigns_earningruleversion_programmes)
),
match AS MATERIALIZED (
    SELECT f.member_id, f.source_id, f.external_id, f.occurred_at, f.occurred_on, f.amount_minor, v.id AS version_id, v.rule_id,
        v.per, v.reward_currency_id, v.reward_rate, v.multiplies_reward, v.growth_currency_id, v.growth_rate, v.multiplies_growth,
        v.cap_per_activity, v.pending_days
    FROM fact f
    JOIN version v ON v.in_force_from <= f.occurred_on AND f.occurred_on < v.replaced_on
        AND v.direction IN ('', f.direction)
        AND (v.kinds_in = '{}' OR f.kind = ANY (v.kinds_in)) AND f.kind <> ALL (v.kinds_out)
        AND (v.purposes_in = '{}' OR f.purpose = ANY (v.purposes_in)) AND f.purpose <> ALL (v.purposes_out)
        AND (v.products_in = '{}' OR f.product = ANY (v.products_in)) AND f.product <> ALL (v.products_out)
        AND (v.channels_in = '{}' OR f.channel = ANY (v.channels_in)) AND f.channel <> ALL (v.channels_out)
        AND (v.merchant_categories_in = '{}' OR f.merchant_category = ANY (v.merchant_categories_in))
        AND f.merchant_category <> ALL (v.merchant_categories_out)
        AND coalesce(f.amount_minor, 0) >= v.minimum_amount_minor
        -- Amounts are compared and multiplied in the bank's own currency only.
        AND (f.currency = (SELECT currency FROM jobs_bank) OR (v.per = 'activity' AND v.minimum_amount_minor = 0))
),
holder AS MATERIALIZED (
    SELECT DISTINCT member_id, occurred_on, programme_id FROM match JOIN multiplying USING (version_id)
    WHERE multiplies_reward OR multiplies_growth
),
factor AS MATERIALIZED (
    SELECT h.*, p.code AS programme, t.code AS tier, coalesce(terms.multiplier, 1) AS multiplier
    FROM holder h
    JOIN tiers_programme p ON p.id = h.programme_id
    LEFT JOIN LATERAL (
        SELECT d.to_tier_id FROM tiers_decision d
        WHERE d.member_id = h.member_id AND d.programme_id = h.programme_id AND d.as_of < h.occurred_on
        ORDER BY d.as_of DESC LIMIT 1
    ) last ON true
    JOIN tiers_tier t ON t.programme_id = h.programme_id
        AND CASE WHEN last.to_tier_id IS NULL THEN t.rank = 0 ELSE t.id = last.to_tier_id END
    LEFT JOIN book b ON b.programme_id = h.programme_id AND b.in_force_from <= h.occurred_on AND h.occurred_on < b.replaced_on
    LEFT JOIN tiers_tierterms terms ON terms.rule_book_id = b.id AND terms.tier_id = t.id
),
best AS MATERIALIZED (
    SELECT DISTINCT ON (factor.member_id, factor.occurred_on, version_id)
        factor.member_id, factor.occurred_on, version_id, factor.programme, factor.tier, factor.multiplier
    FROM factor JOIN multiplying USING (programme_id)
    ORDER BY factor.member_id, factor.occurred_on, version_id, factor.multiplier DESC, programme_id
)
SELECT
    row_number() OVER (ORDER BY m.member_id, m.occurred_at, m.source_id, m.external_id, m.rule_id, currency.id),
    m.member_id, currency.id,
    earning_key(cause.cause, m.rule_id, currency.id), %(earn)s, least(earned.points, cap.points), m.occurred_on,
    CASE
        WHEN currency.kind = 'growth' THEN NULL
        WHEN currency.expiry_months IS NULL THEN DATE '9999-12-31'
        ELSE (date_trunc('month', m.occurred_on::timestamp) + make_interval(months => currency.expiry_months + 1))::date - 1
    END,
    CASE WHEN currency.kind = 'reward' THEN m.occurred_on + m.pending_days END,
    cause.cause, m.version_id,
    jsonb_strip_nulls(jsonb_build_object(
        'per', m.per,
        'amount_minor', CASE WHEN m.per = 'amount' THEN m.amount_minor END,
        'rate', trim_scale(given.rate)::text,
        'multiplier', CASE WHEN factor.multiplier <> 1 THEN trim_scale(factor.multiplier)::text END,
        'programme', CASE WHEN factor.multiplier <> 1 THEN b.programme END,
        'tier', CASE WHEN factor.multiplier <> 1 THEN b.tier END,
        'uncapped', CASE WHEN earned.points > cap.points THEN earned.points END,
        'cap', CASE WHEN earned.points > cap.points THEN cap.points END
    ))
FROM match m
JOIN activity_source s ON s.id = m.source_id
LEFT JOIN best b USING (member_id, occurred_on, version_id)
CROSS JOIN LATERAL (VALUES
    (m.reward_currency_id, m.reward_rate, m.multiplies_reward), (m.growth_currency_id, m.growth_rate, m.multiplies_growth)
) AS given (currency_id, rate, multiplied)
JOIN points_pointcurrency currency ON currency.id = given.currency_id
CROSS JOIN LATERAL (SELECT CASE WHEN given.multiplied THEN coalesce(b.multiplier, 1) ELSE 1 END AS multiplier) factor
CROSS JOIN LATERAL (
    SELECT floor(given.rate * factor.multiplier * CASE m.per WHEN 'activity' THEN 1 ELSE m.amount_minor * 0.01 END) AS points
) earned
-- The ledger takes no entry of more than 10^12 points.
CROSS JOIN LATERAL (SELECT coalesce(m.cap_per_activity, 1000000000000) AS points) cap
CROSS JOIN LATERAL (SELECT concat_ws('/', 'activity', s.code, m.external_id) AS cause) cause
WHERE earned.points >= 1
