-- Takes %(import)s; gives line and 'used' of each of its lots, not taken back yet, that is not whole any more. Growth points have no lots.
-- Served by opening_lot_by_import and the primary key of points_lot.
SELECT o.line, 'used'
FROM importing_openinglot o
JOIN points_lot l ON l.member_id = o.member_id AND l.currency_id = o.currency_id
  AND l.expires_on = coalesce(o.expires_on, '9999-12-31') AND l.number = o.entry_number
WHERE o.import_id = %(import)s AND o.undone_at IS NULL AND l.remaining <> l.points
ORDER BY o.line
