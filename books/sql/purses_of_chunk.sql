SELECT member_id, currency_id, %(after)s::date AS after, %(business_date)s::date AS through
  FROM points_purse
 WHERE member_id BETWEEN %(first_member)s AND %(last_member)s AND last_booked_on > %(after)s
