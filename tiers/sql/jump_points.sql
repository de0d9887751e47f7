-- Takes: business_date, first_member, last_member, tiers_afresh. Adds to tiers_jump the growth points of entries, on the day they
-- occurred: those booked on the business date, and for tiers_afresh all booked by then.
-- Indexes: BRIN of booked_on; for tiers_afresh the primary key, which begins with the member.
INSERT INTO tiers_jump (member_id, series_id, day, change)
SELECT entry.member_id, series.id, entry.occurred_on, sum(entry.points)
FROM points_entry AS entry
JOIN tiers_series AS series ON series.metric = 'growth_points' AND series.currency_id = entry.currency_id
WHERE entry.booked_on = %(business_date)s AND entry.member_id BETWEEN %(first_member)s AND %(last_member)s
  AND series.counted_from < %(business_date)s
  AND NOT EXISTS (SELECT FROM tiers_afresh AS afresh WHERE (afresh.member_id, afresh.series_id) = (entry.member_id, series.id))
GROUP BY 1, 2, 3
UNION ALL
SELECT entry.member_id, afresh.series_id, entry.occurred_on, sum(entry.points)
FROM tiers_afresh AS afresh
JOIN tiers_series AS series ON series.id = afresh.series_id AND series.metric = 'growth_points'
JOIN points_entry AS entry ON (entry.member_id, entry.currency_id) = (afresh.member_id, series.currency_id)
WHERE entry.booked_on <= %(business_date)s AND entry.member_id BETWEEN %(first_member)s AND %(last_member)s
GROUP BY 1, 2, 3
