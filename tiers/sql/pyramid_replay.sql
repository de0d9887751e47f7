-- Takes: programme, standard (its lowest tier), starts_on, ends_on, days (ascending, from starts_on on, the last is ends_on), first_member,
-- last_member, and rehearsed_decision replayed to the end. Gives (is replayed, place in days from 0, tier, members more or fewer than on the
-- day before it in the list): who joins, who is decided on, who is gone. Both sides begin with the same tiers, history's.
-- Index: decisions by (member, programme, as_of).
WITH member AS MATERIALIZED (
  SELECT member.id, member.joined_on, member.closed_on, coalesce(before.to_tier_id, %(standard)s) AS tier_id
  FROM members_member AS member
  LEFT JOIN rehearsed_decision AS before
    ON before.member_id = member.id AND before.programme_id = %(programme)s AND before.as_of < %(starts_on)s
  WHERE member.id BETWEEN %(first_member)s AND %(last_member)s
    AND member.joined_on <= %(ends_on)s AND (member.closed_on IS NULL OR member.closed_on > greatest(member.joined_on, %(starts_on)s))
), decided AS MATERIALIZED (
  SELECT decision.member_id, decision.as_of, decision.from_tier_id, decision.to_tier_id, decision.is_replayed
  FROM (
    SELECT member_id, as_of, from_tier_id, to_tier_id, true AS is_replayed
    FROM rehearsed_decision WHERE programme_id = %(programme)s AND as_of >= %(starts_on)s AND from_tier_id <> to_tier_id
    UNION ALL
    SELECT member_id, as_of, from_tier_id, to_tier_id, false
    FROM tiers_decision
    WHERE member_id BETWEEN %(first_member)s AND %(last_member)s AND programme_id = %(programme)s
      AND as_of BETWEEN %(starts_on)s AND %(ends_on)s AND from_tier_id <> to_tier_id
  ) AS decision
  JOIN member ON member.id = decision.member_id AND (member.closed_on IS NULL OR decision.as_of < member.closed_on)
), side (is_replayed) AS (
  VALUES (false), (true)
), change AS (
  SELECT side.is_replayed, greatest(member.joined_on, %(starts_on)s) AS day, member.tier_id, 1 AS members FROM member CROSS JOIN side
  UNION ALL
  SELECT is_replayed, as_of, from_tier_id, -1 FROM decided
  UNION ALL
  SELECT is_replayed, as_of, to_tier_id, 1 FROM decided
  UNION ALL
  SELECT side.is_replayed, member.closed_on, coalesce(last.to_tier_id, member.tier_id), -1
  FROM member CROSS JOIN side
  LEFT JOIN (
    SELECT DISTINCT ON (member_id, is_replayed) member_id, is_replayed, to_tier_id
    FROM decided WHERE member_id IN (SELECT id FROM member WHERE closed_on IS NOT NULL)
    ORDER BY member_id, is_replayed, as_of DESC
  ) AS last ON last.member_id = member.id AND last.is_replayed = side.is_replayed
  WHERE member.closed_on <= %(ends_on)s
)
SELECT is_replayed, width_bucket(day - 1, %(days)s::date[]), tier_id, sum(members)::bigint
FROM change
GROUP BY 1, 2, 3
HAVING sum(members) <> 0
