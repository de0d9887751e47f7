-- Give the dormant members %(first_member)s to %(last_member)s of whom an own activity was booked on %(as_of)s that is not as old as what
-- lets a member fall asleep. Served by member_dormant and the activity's key, one dormant member after the other.
SELECT m.id
  FROM members_member m CROSS JOIN jobs_bank b
 WHERE m.id BETWEEN %(first_member)s AND %(last_member)s AND m.status = 'dormant'
   AND EXISTS (SELECT FROM activity_activity a
                WHERE a.member_id = m.id AND a.booked_on = %(as_of)s AND a.kind <> ALL (b.dormancy_ignores)
                  AND a.occurred_on > %(as_of)s::date - make_interval(months => coalesce(b.dormant_after_months, 12)))
 ORDER BY m.id
