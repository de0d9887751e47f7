-- Takes `giver` and `taker`, two records of a person, `is_back` (only what was the taker's own before) and `booking_date`; reports the holdings
-- of the giver, as they stand, for the taker too, whose they are from now on. Facts of the giver stay as they are; where holdings go back, the
-- giver's next revision says that it never held them. Served by the primary key of activity_holding.
WITH last AS MATERIALIZED (
  SELECT DISTINCT ON (h.source_id, h.external_id) h.source_id, h.external_id, h.revision, h.product, h.opened_on, h.closed_on
  FROM activity_holding h
  WHERE h.member_id = %(giver)s
    AND (NOT %(is_back)s OR EXISTS (SELECT FROM activity_holding o WHERE o.member_id = %(taker)s AND o.source_id = h.source_id
                                    AND o.external_id = h.external_id))
  ORDER BY h.source_id, h.external_id, h.revision DESC
), given_up AS (
  INSERT INTO activity_holding (member_id, source_id, external_id, revision, product, opened_on, closed_on, booked_on)
  SELECT %(giver)s, source_id, external_id, revision + 1, product, opened_on, opened_on, greatest(opened_on, %(booking_date)s)
  FROM last WHERE %(is_back)s
)
INSERT INTO activity_holding (member_id, source_id, external_id, revision, product, opened_on, closed_on, booked_on)
SELECT %(taker)s, l.source_id, l.external_id, coalesce(there.revision, 0) + 1, l.product, l.opened_on, l.closed_on,
       greatest(l.opened_on, %(booking_date)s)
FROM last l
LEFT JOIN LATERAL (
  SELECT h.revision, h.product, h.opened_on, h.closed_on FROM activity_holding h
  WHERE h.member_id = %(taker)s AND h.source_id = l.source_id AND h.external_id = l.external_id ORDER BY h.revision DESC LIMIT 1
) there ON true
WHERE there.revision IS NULL OR (there.product, there.opened_on, there.closed_on) IS DISTINCT FROM (l.product, l.opened_on, l.closed_on)
