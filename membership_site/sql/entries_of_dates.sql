-- Gives the keys of the entries booked from %(first)s to %(last)s of the members whose branch matches one of %(patterns)s (null: of everybody),
-- by (member, currency, number) from %(after)s on (null: from the start), at most %(limit)s. A filter that is null filters nothing.
-- The BRIN index on booked_on finds them; OFFSET 0 keeps the planner from walking the whole primary key for an order of few rows,
-- and members are probed by their key, in order, only until the page is full.
SELECT e.member_id, e.currency_id, e.number
FROM (
    SELECT member_id, currency_id, number FROM points_entry
    WHERE booked_on BETWEEN %(first)s AND %(last)s
        AND (%(kind)s::smallint IS NULL OR kind = %(kind)s)
        AND (%(currency)s::smallint IS NULL OR currency_id = %(currency)s)
        AND (%(versions)s::integer[] IS NULL OR rule_version_id = ANY (%(versions)s::integer[]))
        AND (%(cause)s::text IS NULL OR starts_with(cause, %(cause)s))
        AND (%(after)s::bigint[] IS NULL OR (member_id, currency_id, number)
             > ((%(after)s::bigint[])[1], (%(after)s::bigint[])[2], (%(after)s::bigint[])[3]))
    ORDER BY member_id, currency_id, number
    OFFSET 0
) e
WHERE %(patterns)s::text[] IS NULL OR (
    SELECT b.path FROM members_member m JOIN access_branch b ON b.id = m.branch_id WHERE m.id = e.member_id
) LIKE ANY (%(patterns)s::text[])
ORDER BY e.member_id, e.currency_id, e.number
LIMIT %(limit)s
