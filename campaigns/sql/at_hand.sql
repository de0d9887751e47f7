-- Tell what the night of %(business_date)s finds of the members %(first_member)s to %(last_member)s: whether any activity has yet to earn; how many
-- of those are suspended members' and wait; whether any suspension has ended, so that what waited earns now.
-- Served by the activity's primary key and the BRIN index on booked_on, member_suspended, status_change_lifted.
SELECT EXISTS (
           SELECT FROM activity_activity a
           WHERE a.member_id BETWEEN %(first_member)s AND %(last_member)s AND a.booked_on = %(business_date)s AND NOT a.earned_at_once
       ), (
           SELECT count(*) FROM members_member m
           JOIN activity_activity a ON a.member_id = m.id AND a.booked_on = %(business_date)s AND NOT a.earned_at_once
           WHERE m.status = 'suspended' AND m.id BETWEEN %(first_member)s AND %(last_member)s
       ), EXISTS (
           SELECT FROM members_statuschange c
           WHERE c.from_state = 'suspended' AND c.to_state <> 'closed' AND c.booked_on = %(business_date)s
               AND c.member_id BETWEEN %(first_member)s AND %(last_member)s
       )
