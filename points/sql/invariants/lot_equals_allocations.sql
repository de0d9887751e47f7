-- What a lot had is what remains, what has expired and what was allocated; no allocation is of a lot that is not there; a lot is
-- of the credit whose number it bears.
SELECT p.member_id, p.currency_id, l.broken
  FROM purse p
 CROSS JOIN LATERAL (
   SELECT coalesce(bool_or(l.points IS DISTINCT FROM l.remaining + l.expired + coalesce(a.points, 0)
                           OR l.points IS DISTINCT FROM e.points), false) AS broken
     FROM (SELECT * FROM points_lot WHERE member_id = p.member_id AND currency_id = p.currency_id) l
     FULL JOIN (SELECT lot_expires_on, lot_number, sum(points)::bigint AS points FROM points_allocation
                 WHERE member_id = p.member_id AND currency_id = p.currency_id GROUP BY lot_expires_on, lot_number) a
            ON a.lot_number = l.number AND a.lot_expires_on = l.expires_on
     LEFT JOIN points_entry e ON e.member_id = p.member_id AND e.currency_id = p.currency_id AND e.number = l.number) l
