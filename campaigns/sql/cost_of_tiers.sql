-- Takes: programme, standard (its lowest tier), tiers and multipliers (arrays of the rehearsed rules), starts_on, ends_on, first_member,
-- last_member, earn (the entry kind), and rehearsed_decision. Gives (currency code, points) by how much the members' earn entries of these
-- days would be larger, each computed again as evaluate.sql does with the tier of the evening before in the rehearsal and what the
-- rehearsed rules make of it; other programmes that multiply count as they did. An entry cut by a cap of day or month is made no larger.
-- Indexes: the primary keys of entries, decisions by (member, programme, as_of).
WITH multiplying AS MATERIALIZED (
    SELECT earningruleversion_id AS version_id, programme_id FROM campaigns_earningruleversion_programmes
    UNION ALL
    SELECT v.id, p.id FROM campaigns_earningruleversion v JOIN tiers_programme p ON p.is_main
    WHERE v.id NOT IN (SELECT earningruleversion_id FROM campaigns_earningruleversion_programmes)
),
touched AS MATERIALIZED (
    SELECT v.id, v.reward_currency_id, coalesce(v.cap_per_activity, 1000000000000) AS cap
    FROM campaigns_earningruleversion v
    JOIN multiplying m ON m.version_id = v.id AND m.programme_id = %(programme)s
    WHERE v.multiplies_reward
),
others AS MATERIALIZED (
    SELECT m.version_id, m.programme_id FROM multiplying m JOIN touched ON touched.id = m.version_id WHERE m.programme_id <> %(programme)s
),
book AS (
    SELECT b.*, lead(b.in_force_from, 1, 'infinity') OVER (PARTITION BY b.programme_id ORDER BY b.in_force_from) AS replaced_on
    FROM tiers_rulebook b
    WHERE b.id NOT IN (SELECT rule_book_id FROM tiers_withdrawal)
),
entry AS (
    SELECT e.member_id, e.currency_id, e.occurred_on, e.points, e.rule_version_id, touched.cap,
        (e.figures ->> 'rate')::numeric * CASE e.figures ->> 'per' WHEN 'activity' THEN 1 ELSE (e.figures ->> 'amount_minor')::numeric * 0.01 END
            AS unmultiplied,
        coalesce((e.figures ->> 'multiplier')::numeric, 1) AS multiplied_by
    FROM points_entry e
    JOIN touched ON touched.id = e.rule_version_id AND touched.reward_currency_id = e.currency_id
    WHERE e.member_id BETWEEN %(first_member)s AND %(last_member)s AND e.occurred_on BETWEEN %(starts_on)s AND %(ends_on)s
        AND e.kind = %(earn)s
),
again AS (
    SELECT entry.*, floor(unmultiplied * multiplied_by) AS whole, floor(unmultiplied * greatest(rehearsed.multiplier, other.multiplier)) AS rehearsed
    FROM entry
    LEFT JOIN LATERAL (
        SELECT d.to_tier_id FROM rehearsed_decision d
        WHERE d.member_id = entry.member_id AND d.programme_id = %(programme)s AND d.as_of < entry.occurred_on
        ORDER BY d.as_of DESC LIMIT 1
    ) last ON true
    CROSS JOIN LATERAL (SELECT coalesce(
        (%(multipliers)s::numeric[])[array_position(%(tiers)s::bigint[], coalesce(last.to_tier_id, %(standard)s))], 1) AS multiplier) rehearsed
    LEFT JOIN LATERAL (
        SELECT max(coalesce(terms.multiplier, 1)) AS multiplier
        FROM others
        LEFT JOIN LATERAL (
            SELECT d.to_tier_id FROM tiers_decision d
            WHERE d.member_id = entry.member_id AND d.programme_id = others.programme_id AND d.as_of < entry.occurred_on
            ORDER BY d.as_of DESC LIMIT 1
        ) held ON true
        LEFT JOIN book ON book.programme_id = others.programme_id
            AND book.in_force_from <= entry.occurred_on AND entry.occurred_on < book.replaced_on
        LEFT JOIN tiers_tierterms terms ON terms.rule_book_id = book.id AND terms.tier_id = coalesce(held.to_tier_id,
            (SELECT t.id FROM tiers_tier t WHERE t.programme_id = others.programme_id AND t.rank = 0))
        WHERE others.version_id = entry.rule_version_id
    ) other ON true
)
SELECT currency.code, sum(CASE WHEN points < least(whole, cap) THEN least(points, rehearsed) ELSE least(rehearsed, cap) END - points)::bigint
FROM again
JOIN points_pointcurrency currency ON currency.id = currency_id
GROUP BY 1
