-- What a purse has, available and pending, is what remains in its lots, and what it has held is held there; a purse of growth points has no lots.
SELECT p.member_id, p.currency_id,
       CASE WHEN c.kind = 'growth' THEN l.lots > 0 ELSE p.available + p.pending <> l.remaining OR p.held <> l.held END AS broken
  FROM purse p
  JOIN points_pointcurrency c ON c.id = p.currency_id
 CROSS JOIN LATERAL (
   SELECT coalesce(sum(remaining), 0)::bigint AS remaining, coalesce(sum(held), 0)::bigint AS held, count(*) AS lots
     FROM points_lot WHERE member_id = p.member_id AND currency_id = p.currency_id) l
