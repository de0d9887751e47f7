-- Gives the rows of the parked list that wait for an activity which this transaction has just recorded (activity_stage).
-- Served by the partial index parked_by_original.
SELECT p.id FROM activity_parkedreversal p
JOIN activity_stage s ON s.source_id = p.original_source_id AND s.external_id = p.original_external_id
WHERE p.outcome = 'parked' AND s.outcome = 'recorded'
