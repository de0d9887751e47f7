-- Gives pairs of records that look like one person's, older record first, in the order of their ids: both ids, and whether national id, name,
-- phone and mail address agree. A pair is one whose national id agrees, or two of name, phone and mail address. Takes `patterns` of branch
-- paths that both lie in (NULL: all), `after` (the last pair seen, or NULL) and `limit`. Pairs that somebody has set apart are left out, and
-- closed or erased records have nothing to compare. Each way of agreeing is one join on equal hashes; none is by name alone.
WITH own AS NOT MATERIALIZED (
  SELECT p.member_id, p.national_id_hash, p.name_hash, p.phone_hash, p.email_hash
  FROM members_person p
  JOIN members_member m ON m.id = p.member_id AND m.status <> 'closed'
  JOIN access_branch b ON b.id = m.branch_id
  WHERE %(patterns)s::text[] IS NULL OR b.path LIKE ANY (%(patterns)s::text[])
), pair AS (
  SELECT a.member_id AS first, b.member_id AS second FROM own a
  JOIN own b ON b.national_id_hash = a.national_id_hash AND b.member_id > a.member_id
  UNION
  SELECT a.member_id, b.member_id FROM own a
  JOIN own b ON b.phone_hash = a.phone_hash AND b.name_hash = a.name_hash AND b.member_id > a.member_id
  UNION
  SELECT a.member_id, b.member_id FROM own a
  JOIN own b ON b.email_hash = a.email_hash AND b.name_hash = a.name_hash AND b.member_id > a.member_id
  UNION
  SELECT a.member_id, b.member_id FROM own a
  JOIN own b ON b.phone_hash = a.phone_hash AND b.email_hash = a.email_hash AND b.member_id > a.member_id
)
SELECT pair.first, pair.second, coalesce(a.national_id_hash = b.national_id_hash, false), coalesce(a.name_hash = b.name_hash, false),
       coalesce(a.phone_hash = b.phone_hash, false), coalesce(a.email_hash = b.email_hash, false)
FROM pair
JOIN members_person a ON a.member_id = pair.first
JOIN members_person b ON b.member_id = pair.second
WHERE NOT EXISTS (SELECT FROM members_setapart s WHERE s.first_id = pair.first AND s.second_id = pair.second)
  AND (%(after)s::bigint[] IS NULL OR (pair.first, pair.second) > ((%(after)s::bigint[])[1], (%(after)s::bigint[])[2]))
ORDER BY pair.first, pair.second
LIMIT %(limit)s
