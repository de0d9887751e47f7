-- Takes: programme, standard (its lowest tier), as_of, first_member, last_member, and rehearsed_standing replayed up to as_of. Gives
-- (tier in history, tier replayed, members) of those who had joined and were not gone.
-- Index: decisions by (member, programme, as_of).
SELECT coalesce(history.to_tier_id, %(standard)s), coalesce(replayed.tier_id, %(standard)s), count(*)
FROM members_member AS member
LEFT JOIN rehearsed_standing AS replayed ON replayed.member_id = member.id AND replayed.programme_id = %(programme)s
LEFT JOIN (
  SELECT DISTINCT ON (member_id) member_id, to_tier_id FROM tiers_decision
  WHERE member_id BETWEEN %(first_member)s AND %(last_member)s AND programme_id = %(programme)s AND as_of <= %(as_of)s
  ORDER BY member_id, as_of DESC
) AS history ON history.member_id = member.id
WHERE member.id BETWEEN %(first_member)s AND %(last_member)s
  AND member.joined_on <= %(as_of)s AND (member.closed_on IS NULL OR member.closed_on > %(as_of)s)
GROUP BY 1, 2
