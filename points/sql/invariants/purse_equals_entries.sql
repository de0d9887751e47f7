-- A purse is the sum of its entries: its balance, its lifetime sums and their number. By the entries' primary key, purse by purse.
SELECT p.member_id, p.currency_id,
       (p.available + p.pending + p.held - p.owed, p.credited, p.debited, p.expired, p.entries)
         IS DISTINCT FROM (e.balance, e.credited, e.debited, e.expired, e.entries) AS broken
  FROM purse p
 CROSS JOIN LATERAL (
   SELECT coalesce(sum(points), 0)::bigint AS balance, count(*)::integer AS entries,
          coalesce(sum(points) FILTER (WHERE points > 0), 0)::bigint AS credited,
          coalesce(-sum(points) FILTER (WHERE points < 0 AND kind <> 4), 0)::bigint AS debited,
          coalesce(-sum(points) FILTER (WHERE kind = 4), 0)::bigint AS expired
     FROM points_entry WHERE member_id = p.member_id AND currency_id = p.currency_id) e
