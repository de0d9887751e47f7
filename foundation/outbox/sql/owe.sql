-- Write obligations of one topic, due at once; what is owed already under its key stays as it stands.
-- Takes %(topic)s and %(rows)s, a JSON list of {member_id, key, payload}; the row count says how many are new.
INSERT INTO outbox_obligation (topic, member_id, key, payload)
SELECT %(topic)s, member_id, key, payload
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS owed(member_id bigint, key text, payload jsonb)
 ORDER BY member_id, key
    ON CONFLICT ON CONSTRAINT obligation_once_per_member_topic_and_key DO NOTHING
