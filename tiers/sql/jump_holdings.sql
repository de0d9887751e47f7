-- Takes: business_date, first_member, last_member, tiers_afresh. Adds to tiers_jump one product more from the day a holding opens
-- and one less from the day it closes, by its last revision booked by the business date, and takes back what the revision before
-- it had said. A closing day ahead is a jump on that day, which no window reaches before.
-- Indexes: BRIN of booked_on; the primary key for the revision before and for tiers_afresh.
WITH touched AS (
  SELECT DISTINCT ON (holding.member_id, holding.source_id, holding.external_id) holding.*
  FROM activity_holding AS holding
  WHERE holding.booked_on = %(business_date)s AND holding.member_id BETWEEN %(first_member)s AND %(last_member)s
  ORDER BY holding.member_id, holding.source_id, holding.external_id, holding.revision DESC
), said AS (
  SELECT member_id, product, opened_on, closed_on, 1 AS change FROM touched
  UNION ALL
  SELECT earlier.member_id, earlier.product, earlier.opened_on, earlier.closed_on, -1
  FROM touched
  CROSS JOIN LATERAL (
    SELECT holding.* FROM activity_holding AS holding
    WHERE (holding.member_id, holding.source_id, holding.external_id) = (touched.member_id, touched.source_id, touched.external_id)
      AND holding.booked_on < %(business_date)s
    ORDER BY holding.revision DESC LIMIT 1
  ) AS earlier
), counted AS (
  SELECT said.member_id, series.id AS series_id, said.opened_on, said.closed_on, said.change
  FROM said
  JOIN tiers_series AS series
    ON series.metric = 'products_held' AND (series.selection = '{}' OR said.product = ANY (series.selection))
  WHERE series.counted_from < %(business_date)s
    AND NOT EXISTS (SELECT FROM tiers_afresh AS afresh WHERE (afresh.member_id, afresh.series_id) = (said.member_id, series.id))
  UNION ALL
  SELECT held.member_id, held.series_id, held.opened_on, held.closed_on, 1
  FROM (
    SELECT DISTINCT ON (holding.member_id, afresh.series_id, holding.source_id, holding.external_id)
      holding.member_id, afresh.series_id, series.selection, holding.product, holding.opened_on, holding.closed_on
    FROM tiers_afresh AS afresh
    JOIN tiers_series AS series ON series.id = afresh.series_id AND series.metric = 'products_held'
    JOIN activity_holding AS holding ON holding.member_id = afresh.member_id
    WHERE holding.booked_on <= %(business_date)s AND holding.member_id BETWEEN %(first_member)s AND %(last_member)s
    ORDER BY holding.member_id, afresh.series_id, holding.source_id, holding.external_id, holding.revision DESC
  ) AS held
  WHERE held.selection = '{}' OR held.product = ANY (held.selection)
)
INSERT INTO tiers_jump (member_id, series_id, day, change)
SELECT member_id, series_id, opened_on, change FROM counted
UNION ALL
SELECT member_id, series_id, closed_on, -change FROM counted WHERE closed_on IS NOT NULL
