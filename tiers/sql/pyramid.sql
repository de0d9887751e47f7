-- Takes: programme, as_of. Gives tier code and number of members, a row a tier from standard up, by each member's last decision
-- up to as_of; who has none is standard.
-- Index: decisions by (member, programme, as_of).
WITH stood AS (
  SELECT coalesce(latest.to_tier_id, (SELECT id FROM tiers_tier WHERE programme_id = %(programme)s ORDER BY rank LIMIT 1)) AS tier_id
  FROM members_member AS member
  LEFT JOIN LATERAL (
    SELECT decision.to_tier_id FROM tiers_decision AS decision
    WHERE decision.member_id = member.id AND decision.programme_id = %(programme)s AND decision.as_of <= %(as_of)s
    ORDER BY decision.as_of DESC LIMIT 1
  ) AS latest ON true
  WHERE member.joined_on <= %(as_of)s AND (member.closed_on IS NULL OR member.closed_on > %(as_of)s)
)
SELECT tier.code, count(stood.tier_id)
FROM tiers_tier AS tier LEFT JOIN stood ON stood.tier_id = tier.id
WHERE tier.programme_id = %(programme)s
GROUP BY tier.id
ORDER BY tier.rank
