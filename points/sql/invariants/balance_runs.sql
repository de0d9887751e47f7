-- Every entry's balance is the one before it and its own points.
SELECT p.member_id, p.currency_id, e.broken
  FROM purse p
 CROSS JOIN LATERAL (
   SELECT coalesce(bool_or(balance_after <> running), false) AS broken
     FROM (SELECT balance_after, sum(points) OVER (ORDER BY number) AS running
             FROM points_entry WHERE member_id = p.member_id AND currency_id = p.currency_id) r) e
