-- Takes %(codes)s and %(earned)s, two arrays side by side: currencies by code, and days of earning.
-- Gives the last usable day of what is earned then, by the currency's own policy (a tier is not asked for). Served by the unique index of code.
SELECT c.code, day.earned_on, points_expires_on(c.*, NULL, day.earned_on)
FROM unnest(%(codes)s::text[], %(earned)s::date[]) AS day(code, earned_on)
JOIN points_pointcurrency c ON c.code = day.code
