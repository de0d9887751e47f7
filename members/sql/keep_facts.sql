-- Keep what is held of members, one row each: makes the file of who has none, else adds to it and takes away.
-- Takes arrays of one length: %(members)s, %(held)s (an object by code of source, day and purpose; null for what is held no more),
-- %(sealed)s (the document as hex, NULL to keep what stands); %(today)s, %(months)s until a new file is looked through.
-- Gives nothing. Served by the primary key.
INSERT INTO members_memberfile AS f (member_id, sealed, held, version, missing, stale, reviewed_on, due_on)
SELECT n.member_id, coalesce(decode(n.sealed, 'hex'), ''), jsonb_strip_nulls(n.held), 1, '{}', '{}', %(today)s::date,
       (%(today)s::date + make_interval(months => %(months)s))::date
  FROM unnest(%(members)s::bigint[], %(held)s::jsonb[], %(sealed)s::text[]) AS n (member_id, held, sealed)
 ORDER BY n.member_id
ON CONFLICT (member_id) DO UPDATE
   SET sealed = CASE WHEN excluded.sealed = '' THEN f.sealed ELSE excluded.sealed END, held = f.held || excluded.held, version = f.version + 1
