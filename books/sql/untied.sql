-- The point currencies in which the entries booked after %(after)s (NULL: ever) and by %(business_date)s are not what the totals of that date
-- count: found by date instead of by touched purse. BRIN on booked_on serves it.
SELECT coalesce(f.currency_id, b.currency_id)
  FROM (SELECT currency_id, count(*) AS entries, coalesce(sum(points) FILTER (WHERE points > 0), 0) AS credited,
               coalesce(-sum(points) FILTER (WHERE points < 0), 0) AS debited
          FROM points_entry
         WHERE (%(after)s::date IS NULL OR booked_on > %(after)s) AND booked_on <= %(business_date)s GROUP BY currency_id) f
  FULL JOIN (SELECT * FROM books_dailybalance WHERE business_date = %(business_date)s) b ON b.currency_id = f.currency_id
 WHERE (coalesce(f.entries, 0), coalesce(f.credited, 0), coalesce(f.debited, 0)) IS DISTINCT FROM (b.entries, b.credited, b.debited)
 ORDER BY 1
