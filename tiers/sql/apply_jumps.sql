-- Takes: tiers_jump, tiers_afresh. Writes the running totals from each series' first jump on, and gives how many rows it changed:
-- the rows that stand there and the jumps are both changes by day; summed up from the last row before them they are the new rows.
-- Of series to compute afresh what stands counts for nothing. A day on which nothing changes keeps no row, but the first day of
-- assets, from which their average counts.
-- Index: the primary key (member, series, day).
WITH jump AS (
  SELECT member_id, series_id, day, sum(change)::bigint AS change FROM tiers_jump GROUP BY member_id, series_id, day
), pair AS (
  SELECT member_id, series_id, bool_or(afresh) AS afresh, min(day) AS first_jump,
    CASE WHEN bool_or(afresh) THEN '-infinity' ELSE min(day) END AS start
  FROM (SELECT member_id, series_id, day, false AS afresh FROM jump UNION ALL SELECT member_id, series_id, NULL, true FROM tiers_afresh) AS every
  GROUP BY member_id, series_id
), base AS (
  SELECT pair.*, series.metric = 'average_assets' AS by_level, earlier.day AS base_day, earlier.first_day AS base_first_day,
    coalesce(earlier.level, 0) AS base_level, coalesce(earlier.total, 0) AS base_total
  FROM pair
  JOIN tiers_series AS series ON series.id = pair.series_id
  LEFT JOIN LATERAL (
    SELECT running.* FROM tiers_runningtotal AS running
    WHERE (running.member_id, running.series_id) = (pair.member_id, pair.series_id) AND running.day < pair.start
    ORDER BY running.day DESC LIMIT 1
  ) AS earlier ON true
), standing AS (
  SELECT running.member_id, running.series_id, running.day,
    CASE WHEN base.afresh THEN 0
      WHEN base.by_level THEN running.level - coalesce(lag(running.level) OVER by_day, base.base_level)
      ELSE running.total - coalesce(lag(running.total) OVER by_day, base.base_total) END AS change
  FROM base
  JOIN tiers_runningtotal AS running USING (member_id, series_id)
  WHERE running.day >= base.start
  WINDOW by_day AS (PARTITION BY running.member_id, running.series_id ORDER BY running.day)
), change AS (
  SELECT member_id, series_id, day, sum(change)::bigint AS change, bool_or(stands) AS stands
  FROM (SELECT *, false AS stands FROM jump UNION ALL SELECT *, true FROM standing) AS every
  GROUP BY member_id, series_id, day
), judged AS (
  SELECT base.*, change.day, change.change, change.stands,
    change.change <> 0 OR (base.by_level AND base.base_day IS NULL AND change.day IS NOT DISTINCT FROM base.first_jump) AS kept
  FROM base JOIN change USING (member_id, series_id)
), levelled AS (
  SELECT member_id, series_id, day, by_level, base_total, base_day, base_level,
    coalesce(base_first_day, min(day) OVER (PARTITION BY member_id, series_id)) AS first_day,
    (sum(change) OVER by_day)::bigint AS risen
  FROM judged WHERE kept
  WINDOW by_day AS (PARTITION BY member_id, series_id ORDER BY day)
), days AS (
  SELECT *,
    coalesce(base_level + lag(risen) OVER by_day, base_level) * (day - coalesce(lag(day) OVER by_day, base_day, day)) AS since_last
  FROM levelled
  WINDOW by_day AS (PARTITION BY member_id, series_id ORDER BY day)
), dropped AS (
  DELETE FROM tiers_runningtotal AS running USING judged
  WHERE (running.member_id, running.series_id, running.day) = (judged.member_id, judged.series_id, judged.day)
    AND judged.stands AND NOT judged.kept
  RETURNING 1
), written AS (
  INSERT INTO tiers_runningtotal AS running (member_id, series_id, day, first_day, level, total)
  SELECT member_id, series_id, day, first_day, CASE WHEN by_level THEN base_level + risen ELSE 0 END,
    base_total + CASE WHEN by_level THEN (sum(since_last) OVER (PARTITION BY member_id, series_id ORDER BY day))::bigint ELSE risen END
  FROM days
  ON CONFLICT (member_id, series_id, day) DO UPDATE SET first_day = excluded.first_day, level = excluded.level, total = excluded.total
  WHERE (running.first_day, running.level, running.total) IS DISTINCT FROM (excluded.first_day, excluded.level, excluded.total)
  RETURNING 1
)
SELECT (SELECT count(*) FROM written) + (SELECT count(*) FROM dropped)
