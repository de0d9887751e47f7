-- Takes: business_date, tiers_jump, tiers_afresh; before apply_jumps. Keeps by how much this night changes the series of members from a
-- day before it on, so that a figure as of that day can still be told without it. What is computed for the first time is no change; of
-- what is computed afresh it is the new history less the one that stands. The day that an average counts from is kept where it moves.
-- Index: the primary key of running totals (member, series, day).
INSERT INTO tiers_latejump (member_id, series_id, day, booked_on, change, first_day)
WITH jump AS (
  SELECT jump.member_id, jump.series_id, jump.day, sum(jump.change)::bigint AS change
  FROM tiers_jump AS jump
  JOIN tiers_series AS series ON series.id = jump.series_id AND series.counted_from < %(business_date)s
  WHERE jump.day < %(business_date)s
  GROUP BY 1, 2, 3
), pair AS (
  SELECT every.member_id, every.series_id, bool_or(every.afresh) AS afresh, min(every.day) AS first_jump,
    bool_or(series.metric = 'average_assets') AS by_level
  FROM (SELECT member_id, series_id, day, false AS afresh FROM jump UNION ALL SELECT member_id, series_id, NULL, true FROM tiers_afresh) AS every
  JOIN tiers_series AS series ON series.id = every.series_id AND series.counted_from < %(business_date)s
  GROUP BY 1, 2
), stood AS (
  SELECT running.member_id, running.series_id, running.day,
    CASE WHEN pair.by_level THEN coalesce(lag(running.level) OVER by_day, 0) - running.level
      ELSE coalesce(lag(running.total) OVER by_day, 0) - running.total END AS change
  FROM pair
  JOIN tiers_runningtotal AS running USING (member_id, series_id)
  WHERE pair.afresh
  WINDOW by_day AS (PARTITION BY running.member_id, running.series_id ORDER BY running.day)
), late AS (
  SELECT member_id, series_id, day, sum(change)::bigint AS change
  FROM (SELECT * FROM jump UNION ALL SELECT * FROM stood WHERE day < %(business_date)s) AS every
  GROUP BY 1, 2, 3
), began AS (
  SELECT pair.member_id, pair.series_id, earliest.first_day AS before,
    CASE WHEN pair.afresh THEN pair.first_jump ELSE least(earliest.first_day, pair.first_jump) END AS after
  FROM pair
  LEFT JOIN LATERAL (
    SELECT running.first_day FROM tiers_runningtotal AS running
    WHERE (running.member_id, running.series_id) = (pair.member_id, pair.series_id)
    ORDER BY running.day LIMIT 1
  ) AS earliest ON true
  WHERE pair.by_level
), kept AS (
  SELECT late.*, began.before,
    coalesce(began.before IS DISTINCT FROM began.after AND late.day = least(began.before, began.after), false) AS moves_first_day
  FROM late
  LEFT JOIN began USING (member_id, series_id)
)
SELECT member_id, series_id, day, %(business_date)s, change, CASE WHEN moves_first_day THEN coalesce(before, %(business_date)s) END
FROM kept
WHERE change <> 0 OR moves_first_day
