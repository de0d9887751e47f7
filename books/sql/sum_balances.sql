-- The control totals of %(business_date)s, one row per point currency; %(after)s is the date before it that has some.
INSERT INTO books_dailybalance (business_date, currency_id, opening, credited, debited, closing, entries, worth_minor, liability_minor)
SELECT %(business_date)s, c.id, o.opening, t.credited, t.debited, o.opening + t.credited - t.debited, t.entries, c.worth_minor,
       round((o.opening + t.credited - t.debited) * c.worth_minor)::bigint
  FROM points_pointcurrency c
 CROSS JOIN LATERAL (
   SELECT coalesce(sum(closing), 0)::bigint AS opening FROM books_dailybalance
    WHERE business_date = %(after)s AND currency_id = c.id) o
 CROSS JOIN LATERAL (
   SELECT coalesce(sum(credited), 0)::bigint AS credited, coalesce(sum(debited), 0)::bigint AS debited,
          coalesce(sum(entries), 0)::bigint AS entries
     FROM books_dailytotal WHERE business_date = %(business_date)s AND currency_id = c.id AND kind BETWEEN 1 AND 8) t
