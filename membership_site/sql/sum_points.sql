-- Sum up the ledger for the console's home, one row per reward currency, over the members of the branches whose path is like one
-- of `patterns` (NULL: the whole bank): what is in the purses now; what was earned, redeemed and has expired on the business date
-- `day`; what lapses from `lapse_from` to `lapse_until`. Purses are one scan; `day` is served by entry_booked (BRIN); lots by their
-- months' partitions. The caller keeps the answer for some minutes.
WITH seen AS (
  SELECT m.id FROM members_member m JOIN access_branch b ON b.id = m.branch_id WHERE b.path LIKE ANY (%(patterns)s::text[])
)
SELECT c.id, c.names, c.worth_minor, (SELECT currency FROM jobs_bank) AS money, purse.available, purse.pending, moved.earned, moved.redeemed, moved.expired, lapsing.points
FROM points_pointcurrency c
CROSS JOIN LATERAL (
  SELECT coalesce(sum(available), 0)::bigint AS available, coalesce(sum(pending), 0)::bigint AS pending
  FROM points_purse
  WHERE currency_id = c.id AND (%(patterns)s::text[] IS NULL OR member_id IN (SELECT id FROM seen))
) purse
CROSS JOIN LATERAL (
  SELECT coalesce(sum(points) FILTER (WHERE kind IN (1, 2)), 0)::bigint AS earned,
         coalesce(-sum(points) FILTER (WHERE kind = 3), 0)::bigint AS redeemed,
         coalesce(-sum(points) FILTER (WHERE kind = 4), 0)::bigint AS expired
  FROM points_entry
  WHERE booked_on = %(day)s AND currency_id = c.id AND (%(patterns)s::text[] IS NULL OR member_id IN (SELECT id FROM seen))
) moved
CROSS JOIN LATERAL (
  SELECT coalesce(sum(remaining), 0)::bigint AS points
  FROM points_lot
  WHERE expires_on BETWEEN %(lapse_from)s AND %(lapse_until)s AND remaining > 0 AND currency_id = c.id
    AND (%(patterns)s::text[] IS NULL OR member_id IN (SELECT id FROM seen))
) lapsing
WHERE c.kind = 'reward'
ORDER BY c.id
