-- Gives the reversals booked on %(business_date)s of the members %(first_member)s to %(last_member)s.
-- Served by the reversal's primary key (member ranges) and the BRIN index on booked_on.
SELECT v.* FROM activity_reversal v
WHERE v.member_id BETWEEN %(first_member)s AND %(last_member)s AND v.booked_on = %(business_date)s
