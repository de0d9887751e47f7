DROP FUNCTION points_lapse_inactive(date, bigint, bigint);
DROP FUNCTION points_expires_on(points_pointcurrency, text, date);
