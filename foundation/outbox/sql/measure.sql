-- Measure what is open of the topics %(topics)s: how many wait, the age of the oldest in seconds, how many are quarantined.
-- Index: obligation_open.
SELECT topic, count(*) FILTER (WHERE quarantined_at IS NULL),
       coalesce(greatest(extract(epoch FROM clock_timestamp() - min(due_at) FILTER (WHERE quarantined_at IS NULL)), 0), 0)::float8,
       count(quarantined_at)
  FROM outbox_obligation
 WHERE done_at IS NULL AND topic = ANY (%(topics)s)
 GROUP BY topic ORDER BY topic
