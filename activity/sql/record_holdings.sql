-- Takes holding_stage after resolve_holdings.sql and `booking_date`; inserts the next revision where the holding differs from the last one.
-- Gives recorded, duplicate, conflict (the id was reported for another member, not merged into this one). Served by the primary keys of activity_holding and
-- activity_reportedid.
WITH judged AS (
  SELECT s.*, last.revision,
         CASE WHEN r.member_id <> s.member_id
                   AND NOT EXISTS (SELECT FROM members_member g WHERE g.id = r.member_id AND g.merged_into_id = s.member_id) THEN 'conflict'
              WHEN (last.product, last.opened_on, last.closed_on) IS NOT DISTINCT FROM (s.product, s.opened_on, s.closed_on) THEN 'duplicate'
              ELSE 'recorded' END AS verdict
  FROM holding_stage s
  JOIN activity_reportedid r ON r.source_id = s.source_id AND r.fact = 'holding' AND r.external_id = s.external_id
  LEFT JOIN LATERAL (
    SELECT h.revision, h.product, h.opened_on, h.closed_on FROM activity_holding h
    WHERE h.member_id = s.member_id AND h.source_id = s.source_id AND h.external_id = s.external_id
    ORDER BY h.revision DESC LIMIT 1
  ) last ON true
  WHERE s.outcome IS NULL
), recorded AS (
  INSERT INTO activity_holding (member_id, source_id, external_id, revision, product, opened_on, closed_on, booked_on)
  SELECT member_id, source_id, external_id, coalesce(revision, 0) + 1, product, opened_on, closed_on, greatest(opened_on, %(booking_date)s)
  FROM judged WHERE verdict = 'recorded'
  ORDER BY member_id, source_id, external_id
)
UPDATE holding_stage s SET outcome = j.verdict FROM judged j WHERE j.seq = s.seq;
