-- Gives, but for suspended members, the activities booked on %(business_date)s of the members %(first_member)s to %(last_member)s that have not earned on line.
-- Served by the activity's primary key (member ranges) and the BRIN index on booked_on.
SELECT a.* FROM activity_activity a
WHERE a.member_id BETWEEN %(first_member)s AND %(last_member)s AND a.booked_on = %(business_date)s AND NOT a.earned_at_once
    AND a.member_id NOT IN (
        SELECT id FROM members_member WHERE status = 'suspended' AND id BETWEEN %(first_member)s AND %(last_member)s
    )
