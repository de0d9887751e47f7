-- Takes activity_stage after resolve_activities.sql, `booking_date` and `earned_at_once`; inserts the activities whose external id is new to
-- the source, the first of the batch where it holds several; gives them the outcome recorded.
-- Served by the primary keys of activity_reportedid and activity_activity; ordered by them, so that two batches wait rather than deadlock.
WITH first AS (
  SELECT DISTINCT ON (source_id, external_id) * FROM activity_stage WHERE outcome IS NULL ORDER BY source_id, external_id, seq
), new_id AS (
  INSERT INTO activity_reportedid (source_id, fact, external_id, member_id)
  SELECT source_id, 'activity', external_id, member_id FROM first ORDER BY source_id, external_id
  ON CONFLICT DO NOTHING
  RETURNING source_id, external_id
), recorded AS (
  INSERT INTO activity_activity (member_id, source_id, external_id, account_id, direction, kind, purpose, amount_minor, currency,
                                 occurred_at, occurred_on, booked_on, channel, merchant_category, product, branch, attributes, earned_at_once)
  SELECT member_id, source_id, external_id, account_id, direction, kind, purpose, amount_minor, currency,
         occurred_at, occurred_on, greatest(occurred_on, %(booking_date)s), channel, merchant_category, product, branch, attributes,
         %(earned_at_once)s
  FROM first JOIN new_id USING (source_id, external_id)
  ORDER BY member_id, source_id, external_id
  ON CONFLICT DO NOTHING
  RETURNING source_id, external_id
)
UPDATE activity_stage s SET outcome = 'recorded' FROM first f JOIN recorded r USING (source_id, external_id) WHERE s.seq = f.seq;
