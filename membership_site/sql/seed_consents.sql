-- Generated consents: every member of the range has joined, on the day the bank reports, and agreed to what a membership rests on; six in
-- ten want offers, three in ten offers picked for them. Takes first, last (member ids), seed, zone. Gives one row per consent.
WITH joined AS (
  UPDATE members_member SET accepted_at = (joined_on + time '12:00') AT TIME ZONE %(zone)s
   WHERE id BETWEEN %(first)s AND %(last)s AND accepted_at IS NULL AND status = 'active'
  RETURNING id, accepted_at)
INSERT INTO members_consent (member_id, text_id, given, at, channel)
SELECT j.id, t.id, true, j.accepted_at, 'branch'
  FROM joined j, members_consenttext t
 CROSS JOIN LATERAL (SELECT CASE t.purpose WHEN 'marketing' THEN 60 WHEN 'profiling' THEN 30 ELSE 100 END AS percent) p
 WHERE t.version = 1 AND (hashint8extended(j.id * 10 + length(t.purpose), %(seed)s + 5) & 9007199254740991) %% 100 < p.percent
 ORDER BY j.id, t.id
