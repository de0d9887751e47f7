-- Every redemption that is done has the entry that took its points, all of which came back where it is cancelled, and else none; every
-- other one is what its hold is.
SELECT p.member_id, p.currency_id, r.broken
  FROM purse p
 CROSS JOIN LATERAL (
   SELECT coalesce(bool_or(CASE WHEN r.state IN ('done', 'cancelled')
                                THEN e.kind = 3 AND e.points = -r.points
                                     AND back.points = CASE r.state WHEN 'cancelled' THEN r.points ELSE 0 END
                                ELSE h.state = r.state AND h.points = r.points END IS NOT TRUE), false) AS broken
     FROM points_redemption r
     LEFT JOIN points_hold h ON h.member_id = p.member_id AND h.currency_id = p.currency_id AND h.key = r.hold_key
     LEFT JOIN points_entry e ON e.member_id = p.member_id AND e.currency_id = p.currency_id AND e.number = r.entry_number
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(b.points), 0)::bigint AS points
        FROM points_allocation a
        JOIN points_entry b ON b.member_id = p.member_id AND b.currency_id = p.currency_id
                           AND b.event_key = md5('restore/' || r.id || '/' || a.lot_number)::uuid
       WHERE a.member_id = p.member_id AND a.currency_id = p.currency_id AND a.debit_number = r.entry_number) back
    WHERE r.member_id = p.member_id AND r.currency_id = p.currency_id) r
