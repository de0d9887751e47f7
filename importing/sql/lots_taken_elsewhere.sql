-- Takes %(import)s after its lots were clawed back, under the purses' locks; gives how many of them somebody else had used of.
-- Served by opening_lot_by_import and the primary keys of points_lot and points_allocation.
SELECT count(*)
FROM importing_openinglot o
JOIN points_lot l ON l.member_id = o.member_id AND l.currency_id = o.currency_id
  AND l.expires_on = coalesce(o.expires_on, '9999-12-31') AND l.number = o.entry_number
WHERE o.import_id = %(import)s AND o.undone_at IS NULL AND (l.held <> 0 OR l.expired <> 0 OR l.remaining <> 0 OR 1 <> (
  SELECT count(*) FROM points_allocation a
  WHERE a.member_id = o.member_id AND a.currency_id = o.currency_id
    AND a.lot_expires_on = l.expires_on AND a.lot_number = o.entry_number))
