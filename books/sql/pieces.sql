-- What entries moved, split by place: a row per credit, per part of a lot that a debit took, and for what a debit took from no lot. Takes
-- {purses}: (member_id, currency_id, after, through) of the purses to look at; entries booked after `after` and by `through` count.
-- A debit stands at the place of the lot it took from; what a clawback could not take, at no rule and no month. A lot that paid
-- what was owed is a pair of rows of kind 9 (debit and lot of one number). Nothing dates that pair but its lot: it is due on the
-- day that the lot was booked or, pending, released, and counts with the first entry of the purse from that day on.
-- Purse by purse, by the primary keys of entries, lots and allocations: no step joins two streams of unknown size. OFFSET 0 keeps the
-- planner from reading the BRIN index of booked_on beside the key, once a purse: at 36 million entries that is most of the work.
purse AS MATERIALIZED (
  SELECT p.*, t.counted_after, t.counted_through
    FROM ({purses}) p
   CROSS JOIN LATERAL (
     SELECT coalesce(max(e.booked_on) FILTER (WHERE e.booked_on <= p.after), '-infinity') AS counted_after,
            coalesce(max(e.booked_on), '-infinity') AS counted_through
       FROM points_entry e
      WHERE e.member_id = p.member_id AND e.currency_id = p.currency_id AND e.booked_on <= p.through) t),
piece AS (
  SELECT p.member_id, p.currency_id, x.*
    FROM purse p
   CROSS JOIN LATERAL (
     WITH entry AS MATERIALIZED (
       SELECT number, kind, points, coalesce(rule_version_id, 0) AS rule_version_id,
              CASE WHEN points > 0 THEN number WHEN kind = 4 THEN substring(cause FROM '^lot/(\d{1,9})$')::integer END AS lot
         FROM (SELECT * FROM points_entry WHERE member_id = p.member_id AND currency_id = p.currency_id OFFSET 0) e
        WHERE booked_on > p.after AND booked_on <= p.through),
     lot AS MATERIALIZED (
       SELECT number, expires_on, available_on FROM points_lot WHERE member_id = p.member_id AND currency_id = p.currency_id),
     allocation AS MATERIALIZED (
       SELECT debit_number, lot_number, lot_expires_on, points FROM points_allocation
        WHERE member_id = p.member_id AND currency_id = p.currency_id),
     part AS MATERIALIZED (
       SELECT e.number, e.kind, a.lot_number AS lot, a.lot_expires_on AS expires_on, a.points,
              row_number() OVER (PARTITION BY e.number ORDER BY a.lot_expires_on, a.lot_number) AS place
         FROM entry e
         JOIN allocation a ON a.debit_number = e.number
        WHERE e.points < 0),
     paid AS MATERIALIZED (
       SELECT a.lot_number AS lot, a.lot_expires_on AS expires_on, a.points
         FROM allocation a
         JOIN points_entry c ON c.member_id = p.member_id AND c.currency_id = p.currency_id AND c.number = a.lot_number
         JOIN lot l ON l.number = a.lot_number
        WHERE a.debit_number = a.lot_number
          AND greatest(c.booked_on, l.available_on - 1) > p.counted_after AND greatest(c.booked_on, l.available_on - 1) <= p.counted_through),
     placed AS (
       SELECT e.kind, e.lot, l.expires_on, greatest(e.points, 0) AS credited, greatest(-e.points, 0) AS debited, 1 AS entries
         FROM entry e
         LEFT JOIN lot l ON l.number = e.lot
        WHERE e.points > 0 OR e.kind = 4
        UNION ALL
       SELECT kind, lot, expires_on, 0, points, CASE WHEN place = 1 THEN 1 ELSE 0 END FROM part
        UNION ALL
       SELECT e.kind, NULL, NULL, 0, -e.points - coalesce(t.points, 0), CASE WHEN t.points IS NULL THEN 1 ELSE 0 END
         FROM entry e
         LEFT JOIN (SELECT number, sum(points)::bigint AS points FROM part GROUP BY number) t ON t.number = e.number
        WHERE e.points < 0 AND e.kind <> 4 AND -e.points > coalesce(t.points, 0)
        UNION ALL
       SELECT 9, lot, expires_on, 0, points, 0 FROM paid
        UNION ALL
       SELECT 9, NULL, NULL, points, 0, 0 FROM paid)
     SELECT d.kind, coalesce(c.rule_version_id, 0) AS rule_version_id,
            coalesce(date_trunc('month', d.expires_on)::date, '0001-01-01') AS expires_in, d.credited, d.debited, d.entries
       FROM placed d
       LEFT JOIN points_entry c ON c.member_id = p.member_id AND c.currency_id = p.currency_id AND c.number = d.lot) x)
