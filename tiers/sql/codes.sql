-- Gives (source, code): which account classes, kinds of activity and products the bank has, by the last %(most)s rows of each, of activities
-- those booked from %(since)s on, and by what rules have counted. Indexes: BRIN of booked_on, the primary keys.
SELECT DISTINCT 'classes' AS source, account_class AS code
FROM (SELECT account_class FROM members_account ORDER BY id DESC LIMIT %(most)s) AS account
UNION
SELECT 'kinds', kind FROM (SELECT kind FROM activity_activity WHERE booked_on >= %(since)s LIMIT %(most)s) AS activity
UNION
SELECT 'products', product FROM (SELECT product FROM activity_holding LIMIT %(most)s) AS holding
UNION
SELECT CASE metric WHEN 'average_assets' THEN 'classes' WHEN 'products_held' THEN 'products' ELSE 'kinds' END, unnest(selection)
FROM tiers_series
ORDER BY 1, 2
