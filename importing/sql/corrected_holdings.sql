-- Takes holding_stage after record_holdings.sql of activity, in the same transaction.
-- Gives the places of the reports that were recorded over an earlier revision of the holding. Served by the primary key.
SELECT s.seq FROM holding_stage s
WHERE s.outcome = 'recorded' AND EXISTS (
  SELECT FROM activity_holding h
  WHERE h.member_id = s.member_id AND h.source_id = s.source_id AND h.external_id = s.external_id AND h.revision > 1)
