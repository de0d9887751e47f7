-- Gives the waiting rows of the parked list of the members %(first_member)s to %(last_member)s whose original is there by now and was
-- booked by %(business_date)s: two that came at once and did not see each other, or a reversal that names a reversal.
-- Served by the parked list's unique key, which begins with the member, and by the primary keys of activity_reportedid and activity_activity.
SELECT p.id FROM activity_parkedreversal p
JOIN activity_reportedid i ON i.source_id = p.original_source_id AND i.fact = 'activity' AND i.external_id = p.original_external_id
LEFT JOIN activity_activity a ON a.member_id = i.member_id AND a.source_id = i.source_id AND a.external_id = i.external_id
WHERE p.outcome = 'parked' AND p.member_id BETWEEN %(first_member)s AND %(last_member)s
  AND coalesce(a.booked_on, %(business_date)s) <= %(business_date)s
