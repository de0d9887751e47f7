-- Digest what the members %(first_member)s..%(last_member)s were booked after %(after)s (NULL: ever) and by %(business_date)s, and keep it;
-- a range that has its digest keeps the first. Gives the number of entries. A purse that was not touched since is not read: the key
-- of purses and the key of entries serve it, as they serve the proof of the same night.
WITH purse AS MATERIALIZED (
  SELECT e.member_id, e.currency_id, count(*) AS entries, sum(e.points) AS points,
         sha256(convert_to(string_agg({line}, '' ORDER BY e.number), 'UTF8')) AS digest
    FROM points_purse b
    JOIN points_entry e ON e.member_id = b.member_id AND e.currency_id = b.currency_id
   WHERE b.member_id BETWEEN %(first_member)s AND %(last_member)s AND (%(after)s::date IS NULL OR b.last_booked_on > %(after)s AND e.booked_on > %(after)s)
     AND e.booked_on <= %(business_date)s
   GROUP BY e.member_id, e.currency_id),
currency AS (SELECT currency_id, sum(points) AS points FROM purse GROUP BY currency_id)
INSERT INTO points_sealedrange (business_date, first_member, last_member, entries, points, digest)
SELECT %(business_date)s, %(first_member)s, %(last_member)s, coalesce(sum(entries), 0),
       (SELECT coalesce(jsonb_object_agg(currency_id, points), '{}') FROM currency),
       encode(sha256(coalesce(string_agg(digest, '' ORDER BY member_id, currency_id), '')), 'hex')
  FROM purse
    ON CONFLICT (business_date, first_member) DO NOTHING
RETURNING entries
