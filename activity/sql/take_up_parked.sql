-- Takes `ids` of the parked list; stages them to be judged like reports that have just come. Served by its primary key.
INSERT INTO reversal_stage (seq, source_id, external_id, original_source_id, original_external_id, amount_minor, currency,
                            occurred_at, member_id, occurred_on, parked)
SELECT id, source_id, external_id, original_source_id, original_external_id, amount_minor, currency, occurred_at, member_id, occurred_on, true
FROM activity_parkedreversal WHERE id = ANY (%(ids)s);
