-- Hold the control totals of every date up to %(business_date)s against the entries booked on it (on the first date: and before): how many were
-- compared, and up to five that differ, the earliest first. One scan of the entries.
WITH genesis AS (SELECT min(business_date) AS date FROM books_dailybalance),
booked AS (
  SELECT greatest(e.booked_on, g.date) AS business_date, e.currency_id, count(*) AS entries,
         coalesce(sum(e.points) FILTER (WHERE e.points > 0), 0) AS credited, coalesce(-sum(e.points) FILTER (WHERE e.points < 0), 0) AS debited
    FROM points_entry e, genesis g
   WHERE e.booked_on <= %(business_date)s
   GROUP BY 1, 2),
compared AS (
  SELECT b.business_date, b.currency_id,
         (b.entries, b.credited, b.debited) IS DISTINCT FROM (coalesce(f.entries, 0), coalesce(f.credited, 0), coalesce(f.debited, 0))
           OR b.opening <> coalesce(lag(b.closing) OVER (PARTITION BY b.currency_id ORDER BY b.business_date), 0) AS broken
    FROM books_dailybalance b
    LEFT JOIN booked f USING (business_date, currency_id)
   WHERE b.business_date <= %(business_date)s
   UNION ALL
  SELECT f.business_date, f.currency_id, true FROM booked f
   WHERE NOT EXISTS (SELECT FROM books_dailybalance b WHERE b.business_date = f.business_date AND b.currency_id = f.currency_id))
SELECT count(*) FILTER (WHERE broken), count(*),
       ARRAY(SELECT concat(to_char(business_date, 'YYYY-MM-DD'), ' currency ', currency_id)
               FROM compared WHERE broken ORDER BY business_date, currency_id LIMIT 5)
  FROM compared
