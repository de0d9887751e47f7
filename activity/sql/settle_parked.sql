-- Takes reversal_stage after record_reversals.sql; writes onto the parked list what became of its rows, recorded or why not.
UPDATE activity_parkedreversal p SET outcome = s.outcome, settled_at = statement_timestamp()
FROM reversal_stage s
WHERE s.parked AND s.outcome <> 'parked' AND p.id = s.seq;
