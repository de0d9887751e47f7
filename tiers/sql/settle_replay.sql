-- Takes: rehearsal, programme, standard, as_of, first_member, last_member, ages (years at which a band of membership's age begins), and
-- rehearsed_standing replayed up to as_of. Keeps who would stand elsewhere; gives (branch or NULL, band or NULL, members, winners, losers),
-- a row for each branch and for each band.
-- Index: decisions by (member, programme, as_of).
WITH stood AS MATERIALIZED (
  SELECT member.id AS member_id, member.branch_id, width_bucket(extract(year FROM age(%(as_of)s, member.joined_on))::int, %(ages)s::int[]) AS band,
    coalesce(history.to_tier_id, %(standard)s) AS from_tier_id, coalesce(replayed.tier_id, %(standard)s) AS to_tier_id
  FROM members_member AS member
  LEFT JOIN rehearsed_standing AS replayed ON replayed.member_id = member.id AND replayed.programme_id = %(programme)s
  LEFT JOIN (
    SELECT DISTINCT ON (member_id) member_id, to_tier_id FROM tiers_decision
    WHERE member_id BETWEEN %(first_member)s AND %(last_member)s AND programme_id = %(programme)s AND as_of <= %(as_of)s
    ORDER BY member_id, as_of DESC
  ) AS history ON history.member_id = member.id
  WHERE member.id BETWEEN %(first_member)s AND %(last_member)s
    AND member.joined_on <= %(as_of)s AND (member.closed_on IS NULL OR member.closed_on > %(as_of)s)
), moved AS (
  INSERT INTO tiers_rehearsedmove (rehearsal_id, member_id, from_tier_id, to_tier_id)
  SELECT %(rehearsal)s, member_id, from_tier_id, to_tier_id FROM stood WHERE from_tier_id <> to_tier_id
)
SELECT branch_id, band, count(*), count(*) FILTER (WHERE higher.rank > lower.rank), count(*) FILTER (WHERE higher.rank < lower.rank)
FROM stood
JOIN tiers_tier AS lower ON lower.id = from_tier_id
JOIN tiers_tier AS higher ON higher.id = to_tier_id
GROUP BY GROUPING SETS ((branch_id), (band))
