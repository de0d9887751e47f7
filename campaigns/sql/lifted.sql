-- Gives the members %(first_member)s to %(last_member)s whose suspension ended in time for the close of %(business_date)s, and `since`: the
-- business date before the first of their suspensions, since one that began while a date was closing may have reached its night.
-- A piece of activities_lifted.sql and reversals_lifted.sql. Served by status_change_lifted and status_change_by_member.
SELECT m.id AS member_id, (
    SELECT min(c.booked_on) - 1 FROM members_statuschange c WHERE c.member_id = m.id AND c.to_state = 'suspended'
) AS since
FROM members_member m
WHERE m.status NOT IN ('suspended', 'closed') AND m.id IN (
    SELECT l.member_id FROM members_statuschange l
    WHERE l.from_state = 'suspended' AND l.booked_on = %(business_date)s
        AND l.member_id BETWEEN %(first_member)s AND %(last_member)s
)
