-- Takes: programme, its code, standard (its lowest tier), tiers and multipliers (arrays of the rehearsed rules), starts_on, ends_on, first_member,
-- last_member, earn (the entry kind), and rehearsed_decision. Gives (currency code, points) by how much the members' earn entries of these
-- days would be larger, each computed again as evaluate.sql does with the tier of the evening before in the rehearsal and what the
-- rehearsed rules make of it; other programmes that multiply count as they did. An entry cut by a cap of day or month is made no larger.
-- Where standard is worth the same in all these rules (standard_alike), who never stood above it, here or there, is passed over.
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
terms AS MATERIALIZED (
    SELECT b.programme_id, t.id AS tier_id, t.rank = 0 AS is_standard, e.multiplier, b.in_force_from, b.replaced_on
    FROM book b
    JOIN tiers_tierterms e ON e.rule_book_id = b.id
    JOIN tiers_tier t ON t.id = e.tier_id
),
concerned AS MATERIALIZED (
    SELECT member.id FROM members_member member
    WHERE member.id BETWEEN %(first_member)s AND %(last_member)s AND (NOT %(standard_alike)s
        OR EXISTS (SELECT FROM rehearsed_decision d WHERE d.member_id = member.id AND d.programme_id = %(programme)s)
        OR EXISTS (SELECT FROM tiers_decision d
            WHERE d.member_id = member.id AND d.programme_id = %(programme)s AND d.as_of < %(ends_on)s))
),
entry AS MATERIALIZED (
    SELECT e.member_id, e.currency_id, e.occurred_on, e.points, e.rule_version_id, e.figures,
        coalesce((e.figures ->> 'multiplier')::numeric, 1) AS multiplied_by
    FROM concerned
    JOIN points_entry e ON e.member_id = concerned.id
    WHERE e.occurred_on BETWEEN %(starts_on)s AND %(ends_on)s
        AND e.kind = %(earn)s AND e.currency_id = ANY (ARRAY(SELECT DISTINCT reward_currency_id FROM touched))
        AND e.rule_version_id = ANY (ARRAY(SELECT id FROM touched))
),
again AS (
    SELECT entry.currency_id, points, touched.cap, floor(unmultiplied * multiplied_by) AS whole, floor(unmultiplied * CASE
        WHEN rehearsed.multiplier >= multiplied_by THEN rehearsed.multiplier WHEN multiplied_in <> %(code)s THEN multiplied_by
        ELSE greatest(rehearsed.multiplier, other.multiplier) END) AS rehearsed
    FROM entry
    JOIN touched ON touched.id = entry.rule_version_id AND touched.reward_currency_id = entry.currency_id
    CROSS JOIN LATERAL (SELECT entry.figures ->> 'programme' AS multiplied_in, (entry.figures ->> 'rate')::numeric
        * CASE entry.figures ->> 'per' WHEN 'activity' THEN 1 ELSE (entry.figures ->> 'amount_minor')::numeric * 0.01 END AS unmultiplied) earned
    LEFT JOIN LATERAL (
        SELECT d.to_tier_id FROM rehearsed_decision d
        WHERE d.member_id = entry.member_id AND d.programme_id = %(programme)s AND d.as_of < entry.occurred_on
        ORDER BY d.as_of DESC LIMIT 1
    ) last ON true
    CROSS JOIN LATERAL (SELECT coalesce(
        (%(multipliers)s::numeric[])[array_position(%(tiers)s::bigint[], coalesce(last.to_tier_id, %(standard)s))], 1) AS multiplier) rehearsed
    -- What was the best stands in the entry; the others are asked for only where that was this programme's and is lower now.
    LEFT JOIN LATERAL (
        SELECT max(coalesce(terms.multiplier, 1)) AS multiplier
        FROM others
        LEFT JOIN LATERAL (
            SELECT d.to_tier_id FROM tiers_decision d
            WHERE d.member_id = entry.member_id AND d.programme_id = others.programme_id AND d.as_of < entry.occurred_on
            ORDER BY d.as_of DESC LIMIT 1
        ) held ON true
        LEFT JOIN terms ON terms.programme_id = others.programme_id
            AND terms.in_force_from <= entry.occurred_on AND entry.occurred_on < terms.replaced_on
            AND CASE WHEN held.to_tier_id IS NULL THEN terms.is_standard ELSE terms.tier_id = held.to_tier_id END
        WHERE others.version_id = entry.rule_version_id
            AND rehearsed.multiplier < multiplied_by AND coalesce(multiplied_in, %(code)s) = %(code)s
    ) other ON true
    WHERE rehearsed.multiplier <> multiplied_by
)
SELECT currency.code, summed.points
FROM (
    SELECT currency_id, sum(CASE WHEN points < least(whole, cap) THEN least(points, rehearsed) ELSE least(rehearsed, cap) END - points)::bigint AS points
    FROM again GROUP BY 1
) summed
JOIN points_pointcurrency currency ON currency.id = summed.currency_id
