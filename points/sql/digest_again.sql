-- Digest anew what was booked after %(after)s (NULL: ever) and by %(through)s, from the entries alone: no purse is believed. Gives the
-- entries, the points per currency and the digest per business date and sealed range; first_member 0 stands for members and dates
-- that no range holds. What was booked before %(genesis)s, the date of the bank's first seal (NULL: it is gone), belongs to that date.
-- BRIN on booked_on serves it, since entries lie in the order of their booking.
WITH purse AS MATERIALIZED (
  SELECT greatest(e.booked_on, %(genesis)s::date) AS business_date, e.member_id, e.currency_id, count(*) AS entries,
         sum(e.points) AS points, sha256(convert_to(string_agg({line}, '' ORDER BY e.number), 'UTF8')) AS digest
    FROM points_entry e
   WHERE (%(after)s::date IS NULL OR e.booked_on > %(after)s) AND e.booked_on <= %(through)s
   GROUP BY 1, 2, 3),
placed AS MATERIALIZED (
  SELECT p.*, coalesce(r.first_member, 0) AS first_member
    FROM purse p
    LEFT JOIN LATERAL (
      SELECT first_member FROM points_sealedrange
       WHERE business_date = p.business_date AND first_member <= p.member_id ORDER BY first_member DESC LIMIT 1) r ON true),
currency AS (
  SELECT business_date, first_member, currency_id, sum(points) AS points FROM placed GROUP BY business_date, first_member, currency_id),
total AS (
  SELECT business_date, first_member, jsonb_object_agg(currency_id, points) AS points
    FROM currency GROUP BY business_date, first_member)
SELECT business_date, first_member, sum(p.entries)::bigint, t.points,
       encode(sha256(string_agg(p.digest, '' ORDER BY p.member_id, p.currency_id)), 'hex')
  FROM placed p
  JOIN total t USING (business_date, first_member)
 GROUP BY business_date, first_member, t.points
