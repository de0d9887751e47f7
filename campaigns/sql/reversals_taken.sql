-- Gives the reversals that this transaction recorded: those of the temp table reversal_stage (see activity.recording) that are new.
-- Served by the reversal's primary key.
SELECT v.* FROM reversal_stage t
JOIN activity_reversal v ON v.member_id = t.member_id AND v.source_id = t.source_id AND v.external_id = t.external_id
WHERE t.outcome = 'recorded'
