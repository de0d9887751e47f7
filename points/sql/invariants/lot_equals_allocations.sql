-- Every credit of reward points has its lot, and what a lot had is what remains, is held, has expired and was allocated of it.
SELECT p.member_id, p.currency_id, l.broken
  FROM purse p
  JOIN points_pointcurrency c ON c.id = p.currency_id AND c.kind = 'reward'
 CROSS JOIN LATERAL (
   SELECT coalesce(bool_or((l.points = e.points AND l.points = l.remaining + l.held + l.expired + coalesce(a.points, 0)) IS NOT TRUE),
                   false) AS broken
     FROM (SELECT number, points FROM points_entry
            WHERE member_id = p.member_id AND currency_id = p.currency_id AND points > 0) e
     FULL JOIN (SELECT number, expires_on, points, remaining, held, expired FROM points_lot
                 WHERE member_id = p.member_id AND currency_id = p.currency_id) l ON l.number = e.number
     FULL JOIN (SELECT lot_number, lot_expires_on, sum(points)::bigint AS points FROM points_allocation
                 WHERE member_id = p.member_id AND currency_id = p.currency_id GROUP BY lot_number, lot_expires_on) a
            ON a.lot_number = l.number AND a.lot_expires_on = l.expires_on) l
