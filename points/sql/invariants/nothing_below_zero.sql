-- Nothing is below zero; a purse that owes has nothing available, and only what was clawed back is owed, here or
-- before a merge.
SELECT p.member_id, p.currency_id,
       least(p.available, p.pending, p.held, p.owed) < 0 OR (p.available > 0 AND p.owed > 0) OR l.broken
         OR p.owed > 0 AND NOT EXISTS (
              SELECT FROM points_entry e WHERE e.member_id = p.member_id AND e.currency_id = p.currency_id AND (e.kind = 5 OR e.figures ? 'owed')) AS broken
  FROM purse p
 CROSS JOIN LATERAL (
   SELECT coalesce(bool_or(least(remaining, held, expired) < 0), false) AS broken
     FROM points_lot WHERE member_id = p.member_id AND currency_id = p.currency_id) l
