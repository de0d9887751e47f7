-- What a debit took is what was allocated to it; a clawback (5), and a debt that came by a merge, may have taken less and owe the rest;
-- growth points have no lots.
SELECT p.member_id, p.currency_id, d.broken
  FROM purse p
  JOIN points_pointcurrency c ON c.id = p.currency_id AND c.kind = 'reward'
 CROSS JOIN LATERAL (
   SELECT coalesce(bool_or(CASE WHEN e.kind = 5 OR e.figures ? 'owed' THEN coalesce(a.points, 0) > -e.points
                                ELSE coalesce(a.points, 0) <> -e.points END), false) AS broken
     FROM points_entry e
     LEFT JOIN (SELECT debit_number, sum(points)::bigint AS points FROM points_allocation
                 WHERE member_id = p.member_id AND currency_id = p.currency_id GROUP BY debit_number) a ON a.debit_number = e.number
    WHERE e.member_id = p.member_id AND e.currency_id = p.currency_id AND e.points < 0 AND e.kind <> 4) d
