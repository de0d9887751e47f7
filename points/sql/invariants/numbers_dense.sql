-- A purse's entries are numbered 1, 2, 3 … without a gap.
SELECT p.member_id, p.currency_id,
       (e.lowest, e.highest, e.entries) IS DISTINCT FROM (least(p.entries, 1), p.entries, p.entries) AS broken
  FROM purse p
 CROSS JOIN LATERAL (
   SELECT coalesce(min(number), 0) AS lowest, coalesce(max(number), 0) AS highest, count(*) AS entries
     FROM points_entry WHERE member_id = p.member_id AND currency_id = p.currency_id) e
