-- Use %(points)s of what the membership %(membership)s may spend in the month that begins on %(month)s, if so much is left of its
-- grant; the row count says whether it was. The month's row is locked before the condition is read, so nothing is used twice.
INSERT INTO points_poolmonth (membership_id, currency_id, month, points_limit, points_used)
SELECT membership_id, currency_id, %(month)s, points_per_month, %(points)s
  FROM points_poolgrant
 WHERE membership_id = %(membership)s AND currency_id = %(currency)s AND points_per_month >= %(points)s
    ON CONFLICT ON CONSTRAINT pool_month_once DO UPDATE
   SET points_used = points_poolmonth.points_used + excluded.points_used, points_limit = excluded.points_limit
 WHERE points_poolmonth.points_used + excluded.points_used <= excluded.points_limit
