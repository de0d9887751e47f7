-- Gives what members did while they were suspended, as it ends; what had earned before is booked already and earns nothing again.
-- Served by the activity's primary key, one member after the other.
SELECT a.* FROM (
    {lifted}
) l
JOIN activity_activity a ON a.member_id = l.member_id AND a.booked_on BETWEEN l.since AND %(business_date)s
