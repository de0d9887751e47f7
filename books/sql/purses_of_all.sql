SELECT member_id, currency_id, '-infinity'::date AS after, %(business_date)s::date AS through FROM points_purse
