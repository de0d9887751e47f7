-- Gives the lots of the purse (%(member)s, %(currency)s) that had anything left at the end of business date %(day)s: what each
-- had credited, less what entries booked until then used of it or expired. Served by the primary keys of entry, lot and
-- allocation, which begin with the purse; each is read once. The streams are laid one below the other, dated by the entry they
-- belong to and summed up by lot, never joined: whatever the planner believes of their sizes, it sorts them once.
WITH line AS (  -- an expiry's cause is lot/ and the number of the credit whose points it took
    SELECT number AS entry, booked_on, CASE WHEN kind = 4 THEN substring(cause FROM '^lot/(\d+)')::integer END AS lot,
        NULL::date AS expires_on, NULL::date AS available_on, NULL::bigint AS points, 0::bigint AS used,
        CASE WHEN kind = 4 THEN -points ELSE 0 END AS expired
    FROM points_entry WHERE member_id = %(member)s AND currency_id = %(currency)s
    UNION ALL
    SELECT number, NULL, number, expires_on, available_on, points, 0, 0
    FROM points_lot WHERE member_id = %(member)s AND currency_id = %(currency)s
    UNION ALL
    SELECT debit_number, NULL, lot_number, NULL, NULL, NULL, points, 0
    FROM points_allocation WHERE member_id = %(member)s AND currency_id = %(currency)s
),
dated AS (
    SELECT lot, expires_on, available_on, points, used, expired, max(booked_on) OVER (PARTITION BY entry) AS booked_on FROM line
)
SELECT lot AS number, max(booked_on) FILTER (WHERE points IS NOT NULL) AS booked_on, max(expires_on) AS expires_on,
    max(available_on) AS available_on, max(points) AS points, sum(used)::bigint AS used, sum(expired)::bigint AS expired,
    (max(points) - sum(used) - sum(expired))::bigint AS left
FROM dated
WHERE lot IS NOT NULL AND booked_on <= %(day)s
GROUP BY lot
HAVING max(points) > sum(used) + sum(expired)
ORDER BY max(expires_on), lot
