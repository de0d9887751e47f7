-- Gives the reversals of what members did while they were suspended, as it ends: they take back what activities_lifted.sql has just given.
-- Served by the reversal's primary key, one member after the other.
SELECT v.* FROM (
    {lifted}
) l
JOIN activity_reversal v ON v.member_id = l.member_id AND v.booked_on BETWEEN l.since AND %(business_date)s
