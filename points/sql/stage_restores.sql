-- Stage a credit for each lot that the redemptions %(ids)s used: as many points as were taken of it, usable until the lot's own last
-- day or %(least_until)s, whichever is later; what has come back once keeps its day, here or with another who then transferred it. Takes
-- %(restore)s, the kind of entry, %(came_back)s, the figure that marks such a transfer, and %(occurred_on)s, the day of return. A key is derived from redemption and lot, so that nothing comes back twice. The keys of
-- allocations and entries serve it, purse by purse.
INSERT INTO posting (seq, member_id, currency_id, key, kind, points, occurred_on, expires_on, cause)
SELECT row_number() OVER (ORDER BY a.member_id, a.currency_id, a.lot_expires_on, a.lot_number), a.member_id, a.currency_id,
       md5('restore/' || r.id || '/' || a.lot_number)::uuid, %(restore)s, a.points, %(occurred_on)s,
       CASE WHEN e.kind = %(restore)s OR coalesce(e.figures ? %(came_back)s, false) THEN a.lot_expires_on ELSE greatest(a.lot_expires_on, %(least_until)s::date) END,
       'redemption/' || r.id || '/lot/' || a.lot_number
  FROM points_redemption r
  JOIN points_allocation a ON a.member_id = r.member_id AND a.currency_id = r.currency_id AND a.debit_number = r.entry_number
  JOIN points_entry e ON e.member_id = a.member_id AND e.currency_id = a.currency_id AND e.number = a.lot_number
 WHERE r.id = ANY(%(ids)s)
