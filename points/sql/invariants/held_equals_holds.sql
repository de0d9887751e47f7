-- What a lot has held is what the holds that are held have set aside in it, and a hold is the sum of its parts.
SELECT p.member_id, p.currency_id, h.broken
  FROM purse p
 CROSS JOIN LATERAL (
   SELECT EXISTS (
            SELECT FROM (SELECT expires_on, number, held FROM points_lot
                          WHERE member_id = p.member_id AND currency_id = p.currency_id AND held > 0) l
              FULL JOIN (SELECT t.lot_expires_on, t.lot_number, sum(t.points)::bigint AS points
                           FROM points_holdpart t
                           JOIN points_hold h ON h.member_id = t.member_id AND h.currency_id = t.currency_id AND h.key = t.hold_key
                          WHERE t.member_id = p.member_id AND t.currency_id = p.currency_id AND h.state = 'held'
                          GROUP BY t.lot_expires_on, t.lot_number) t ON t.lot_expires_on = l.expires_on AND t.lot_number = l.number
             WHERE l.held IS DISTINCT FROM t.points)
       OR EXISTS (
            SELECT FROM points_hold h
             WHERE h.member_id = p.member_id AND h.currency_id = p.currency_id
               AND h.points IS DISTINCT FROM (SELECT sum(t.points) FROM points_holdpart t
                                               WHERE t.member_id = h.member_id AND t.currency_id = h.currency_id AND t.hold_key = h.key)) AS broken) h
