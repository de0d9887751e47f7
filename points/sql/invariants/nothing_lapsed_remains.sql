-- No lot whose last usable day is %(as_of)s or earlier has anything left; of every purse in the range, touched or not. A night
-- reads the months since %(touched_since)s, the last close; a proof of all reads every month.
SELECT member_id, currency_id, remaining > 0 AS broken
  FROM points_lot
 WHERE expires_on <= %(as_of)s AND expires_on >= coalesce(%(touched_since)s::date, '-infinity')
   AND member_id BETWEEN %(first_member)s AND %(last_member)s
