-- Claim up to %(size)s due obligations of a topic: each gets one more attempt and, until that is over, a pause that doubles from
-- some ten seconds to an hour, with jitter. Who is killed at work leaves his rows to the next claim after their pause.
-- Those tried before (%(again)s) are claimed apart. One that has had its %(most)s attempts is quarantined and not returned.
-- Index: obligation_open.
WITH due AS (
  SELECT id FROM outbox_obligation
   WHERE topic = %(topic)s AND done_at IS NULL AND quarantined_at IS NULL AND not_before <= clock_timestamp()
     AND (attempts > 0) = %(again)s
   ORDER BY not_before, id LIMIT %(size)s FOR UPDATE SKIP LOCKED),
claimed AS (
  UPDATE outbox_obligation o
     SET attempts = least(o.attempts + 1, %(most)s),
         not_before = clock_timestamp() + least(10 * 2 ^ o.attempts, 3600) * (0.75 + random() / 2) * interval '1 second',
         quarantined_at = CASE WHEN o.attempts >= %(most)s THEN clock_timestamp() END,
         last_error = CASE WHEN o.attempts >= %(most)s AND o.last_error = '' THEN 'the worker died at it' ELSE o.last_error END
    FROM due WHERE o.id = due.id
  RETURNING o.id, o.quarantined_at IS NULL AS is_ours)
SELECT id, is_ours FROM claimed
