-- A part of review.sql, put in for the live tables: owes a notice of each decision that it has written, ids and dates only. A
-- decision is made once for a member, programme and date, and so is its key.
, owed AS (
  INSERT INTO outbox_obligation (topic, member_id, key, payload)
  SELECT %(notice)s, member_id, concat_ws('/', programme_id, %(as_of)s::date), jsonb_build_object('decision_id', id,
    'programme_id', programme_id, 'as_of', %(as_of)s::date, 'outcome', outcome, 'from_tier_id', from_tier_id, 'to_tier_id', to_tier_id,
    'valid_until', valid_until, 'grace_until', grace_until)
  FROM written
  ON CONFLICT ON CONSTRAINT obligation_once_per_member_topic_and_key DO NOTHING
)
