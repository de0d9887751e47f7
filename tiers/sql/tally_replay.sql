-- Takes: programme, standard (its lowest tier), as_of, first_member, last_member, and rehearsed_standing replayed up to as_of. Gives
-- (tier in history, tier replayed, members) of those who had joined and were not gone.
-- Index: decisions by (member, programme, as_of).
SELECT coalesce(history.to_tier_id, %(standard)s), coalesce(replayed.tier_id, %(standard)s), count(*)
FROM members_member AS member
LEFT JOIN rehearsed_standing AS replayed ON replayed.member_id = member.id AND replayed.programme_id = %(programme)s
LEFT JOIN LATERAL (
  SELECT decision.to_tier_id FROM tiers_decision AS decision
  WHERE decision.member_id = member.id AND decision.programme_id = %(programme)s AND decision.as_of <= %(as_of)s
  ORDER BY decision.as_of DESC LIMIT 1
) AS history ON true
WHERE member.id BETWEEN %(first_member)s AND %(last_member)s
  AND member.joined_on <= %(as_of)s AND (member.closed_on IS NULL OR member.closed_on > %(as_of)s)
GROUP BY 1, 2
