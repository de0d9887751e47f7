-- The first business date on which each purse of %(purses)s ("member/currency") departs from its entries: that of the first entry out of line, of
-- the first debit or credit that doesn't agree with its allocations and lot; else, where the entries are in line and only the purse isn't,
-- that of its last entry. By the keys that begin with the purse; the purses are few.
SELECT named, coalesce(least(e.out_of_line, d.debit, l.credit), e.last)
  FROM unnest(%(purses)s::text[]) named
 CROSS JOIN LATERAL (SELECT split_part(named, '/', 1)::bigint AS member_id, split_part(named, '/', 2)::smallint AS currency_id) p
 CROSS JOIN LATERAL (
   SELECT min(booked_on) FILTER (WHERE number <> place OR balance_after <> running OR kind = 1 AND (cause = '' OR repeat > 1)) AS out_of_line,
          max(booked_on) AS last
     FROM (SELECT booked_on, number, kind, cause, balance_after, row_number() OVER in_order AS place, sum(points) OVER in_order AS running,
                  row_number() OVER (PARTITION BY kind, cause, rule_version_id ORDER BY number) AS repeat
             FROM points_entry WHERE member_id = p.member_id AND currency_id = p.currency_id
           WINDOW in_order AS (ORDER BY number)) r) e
 CROSS JOIN LATERAL (
   SELECT min(e.booked_on) AS debit
     FROM points_entry e
     JOIN points_pointcurrency c ON c.id = e.currency_id AND c.kind = 'reward'
     LEFT JOIN (SELECT debit_number, sum(points) AS points FROM points_allocation
                 WHERE member_id = p.member_id AND currency_id = p.currency_id GROUP BY debit_number) a ON a.debit_number = e.number
    WHERE e.member_id = p.member_id AND e.currency_id = p.currency_id AND e.points < 0 AND e.kind <> 4
      AND CASE WHEN e.kind = 5 THEN coalesce(a.points, 0) > -e.points ELSE coalesce(a.points, 0) <> -e.points END) d
 CROSS JOIN LATERAL (
   SELECT min(e.booked_on) AS credit
     FROM points_entry e
     JOIN points_pointcurrency c ON c.id = e.currency_id AND c.kind = 'reward'
     LEFT JOIN points_lot l ON l.member_id = e.member_id AND l.currency_id = e.currency_id AND l.number = e.number
     LEFT JOIN (SELECT lot_number, sum(points) AS points FROM points_allocation
                 WHERE member_id = p.member_id AND currency_id = p.currency_id GROUP BY lot_number) a ON a.lot_number = e.number
    WHERE e.member_id = p.member_id AND e.currency_id = p.currency_id AND e.points > 0
      AND (l.points = e.points AND l.points = l.remaining + l.held + l.expired + coalesce(a.points, 0)) IS NOT TRUE) l
