-- Write obligations of one topic, due at once or from `not_before` on; what is owed already under its key stays as it stands.
-- Takes %(topic)s and %(rows)s, a JSON list of {member_id, key, payload, not_before}; the row count says how many are new.
INSERT INTO outbox_obligation (topic, member_id, key, payload, due_at, not_before)
SELECT %(topic)s, member_id, key, payload, coalesce(not_before, statement_timestamp()), coalesce(not_before, statement_timestamp())
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS owed(member_id bigint, key text, payload jsonb, not_before timestamptz)
 ORDER BY member_id, key
    ON CONFLICT ON CONSTRAINT obligation_once_per_member_topic_and_key DO NOTHING
