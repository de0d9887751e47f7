-- Takes reversal_stage after record_reversals.sql; compares the rest with what stands. Gives duplicate where all is equal to a recorded
-- reversal, what became of it where it is equal to one on the parked list, else conflict: other content, or the id is an activity's or
-- another member's. Served by the primary key of activity_reversal and the parked list's unique one.
UPDATE reversal_stage s
SET outcome = coalesce(stands.outcome, 'conflict')
FROM reversal_stage t
LEFT JOIN LATERAL (
  SELECT CASE WHEN f.outcome = 'recorded' THEN 'duplicate' ELSE f.outcome END AS outcome
  FROM (
    SELECT 'duplicate' AS outcome, original_source_id, original_external_id, amount_minor, currency, occurred_at FROM activity_reversal r
    WHERE r.member_id = t.member_id AND r.source_id = t.source_id AND r.external_id = t.external_id
    UNION ALL
    SELECT outcome, original_source_id, original_external_id, amount_minor, currency, occurred_at FROM activity_parkedreversal p
    WHERE p.member_id = t.member_id AND p.source_id = t.source_id AND p.external_id = t.external_id AND p.outcome <> 'recorded'
  ) f
  WHERE (f.original_source_id, f.original_external_id, f.amount_minor, f.occurred_at)
        IS NOT DISTINCT FROM (t.original_source_id, t.original_external_id, t.amount_minor, t.occurred_at)
    AND t.currency IN ('', f.currency)
) stands ON true
WHERE t.seq = s.seq AND s.outcome IS NULL AND NOT s.parked;
