-- Takes reversal_stage, resolved and its members locked, and `booking_date`. Of the reversals whose external id is new to the source
-- (the first of the batch where it holds several), and of those still on the parked list, it
--   * records what its activity has room for, in the order of occurred_at, then external id: outcome recorded;
--   * puts on the parked list what names an activity that has not arrived: outcome parked;
--   * gives the others why they are refused: over_reversed, reversal_of_reversal, not_his_activity, currency_differs.
-- What is left without an outcome has been reported before (compare_reversals.sql).
--
-- A reversal keeps what earlier ones had taken of its activity, and what it takes, in minor units; an activity without an amount has
-- one unit. It is booked no earlier than its activity, so that the close which claws it back has earned on the activity.
-- Served by the primary keys of activity_reportedid and activity_activity, and by reversals_of_an_activity_in_order.
WITH first AS (
  SELECT DISTINCT ON (source_id, external_id) * FROM reversal_stage s
  WHERE outcome IS NULL
    AND (NOT parked OR EXISTS (SELECT FROM activity_parkedreversal p
                               WHERE (p.member_id, p.source_id, p.external_id) = (s.member_id, s.source_id, s.external_id) AND p.outcome = 'parked'))
  ORDER BY source_id, external_id, seq
), fresh AS MATERIALIZED (
  SELECT f.* FROM first f
  -- A scalar subquery is a probe of the key, whatever the planner knows; an EXISTS under OR may read the table.
  WHERE parked OR (SELECT i.member_id FROM activity_reportedid i
                   WHERE i.source_id = f.source_id AND i.fact = 'activity' AND i.external_id = f.external_id) IS NULL
), named AS (
  SELECT f.*, a.currency AS original_currency, a.booked_on AS original_booked_on, coalesce(a.amount_minor, 0) = 0 AS has_no_amount,
         coalesce(nullif(a.amount_minor, 0), 1) AS of_minor,
         CASE WHEN i.member_id IS NULL AND EXISTS (SELECT FROM fresh o WHERE o.source_id = f.original_source_id
                                                   AND o.external_id = f.original_external_id) THEN 'reversal_of_reversal'
              WHEN i.member_id IS NULL THEN 'parked'
              WHEN a.member_id IS NULL THEN 'reversal_of_reversal'
              WHEN a.member_id <> f.member_id THEN 'not_his_activity'
              WHEN f.currency NOT IN ('', a.currency) THEN 'currency_differs' END AS way
  FROM fresh f
  LEFT JOIN activity_reportedid i
    ON i.source_id = f.original_source_id AND i.fact = 'activity' AND i.external_id = f.original_external_id
  LEFT JOIN activity_activity a
    ON a.member_id = i.member_id AND a.source_id = i.source_id AND a.external_id = i.external_id
), judged AS MATERIALIZED (
  SELECT n.*, n.so_far[2] AS takes, coalesce(way, CASE WHEN n.so_far[2] > 0 THEN 'recorded' ELSE 'over_reversed' END) AS outcome_now
  FROM (
    SELECT n.*, d.done,
           activity_reverse(CASE WHEN has_no_amount AND amount_minor IS NOT NULL THEN of_minor + 1 ELSE amount_minor END,
                            of_minor - d.done) FILTER (WHERE way IS NULL)
             OVER (PARTITION BY member_id, original_source_id, original_external_id ORDER BY occurred_at, source_id, external_id
                   ROWS UNBOUNDED PRECEDING) AS so_far
    FROM named n
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(reversed_minor), 0)::bigint AS done FROM activity_reversal r
      WHERE r.member_id = n.member_id AND r.original_source_id = n.original_source_id AND r.original_external_id = n.original_external_id
    ) d
  ) n
), new_id AS (
  INSERT INTO activity_reportedid (source_id, fact, external_id, member_id)
  SELECT source_id, 'activity', external_id, member_id FROM judged WHERE NOT parked AND outcome_now IN ('recorded', 'parked')
  ORDER BY source_id, external_id
  ON CONFLICT DO NOTHING
  RETURNING source_id, external_id
), known AS (
  SELECT j.* FROM judged j LEFT JOIN new_id n USING (source_id, external_id) WHERE j.parked OR n.source_id IS NOT NULL
), recorded AS (
  INSERT INTO activity_reversal (member_id, source_id, external_id, original_source_id, original_external_id, amount_minor, currency,
                                 occurred_at, occurred_on, booked_on, of_minor, reversed_before_minor, reversed_minor)
  SELECT member_id, source_id, external_id, original_source_id, original_external_id, amount_minor, original_currency,
         occurred_at, occurred_on, greatest(occurred_on, %(booking_date)s, original_booked_on), of_minor,
         done + coalesce(sum(takes) OVER (PARTITION BY member_id, original_source_id, original_external_id
                                          ORDER BY occurred_at, source_id, external_id
                                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::bigint, takes
  FROM known WHERE outcome_now = 'recorded'
  ORDER BY member_id, source_id, external_id
), waiting AS (
  INSERT INTO activity_parkedreversal (member_id, source_id, external_id, original_source_id, original_external_id, amount_minor,
                                       currency, occurred_at, occurred_on, outcome)
  SELECT member_id, source_id, external_id, original_source_id, original_external_id, amount_minor, currency, occurred_at, occurred_on,
         'parked'
  FROM known WHERE outcome_now = 'parked' AND NOT parked
  ORDER BY member_id, source_id, external_id
)
UPDATE reversal_stage s SET outcome = j.outcome_now
FROM judged j LEFT JOIN known k USING (seq)
WHERE s.seq = j.seq AND (k.seq IS NOT NULL OR j.outcome_now NOT IN ('recorded', 'parked'));
