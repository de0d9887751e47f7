-- Takes the columns of lots as array literals side by side, and %(import)s; writes those whose names are free, in the order of the purses.
-- Gives the names of those written. Served by the unique index opening_lot_stands_once, at which two imports wait for each other.
INSERT INTO importing_openinglot (member_id, currency_id, key, identity, points, earned_on, expires_on, line, import_id)
SELECT lot.*, %(import)s::uuid
FROM unnest(%(member_id)s::bigint[], %(currency_id)s::smallint[], %(key)s::uuid[], %(identity)s::uuid[], %(points)s::bigint[],
            %(earned_on)s::date[], %(expires_on)s::date[], %(line)s::int[])
     AS lot(member_id, currency_id, key, identity, points, earned_on, expires_on, line)
ORDER BY lot.member_id, lot.currency_id, lot.identity
ON CONFLICT (member_id, currency_id, identity) WHERE undone_at IS NULL DO NOTHING
RETURNING member_id, currency_id, identity
