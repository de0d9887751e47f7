-- Look at the active members %(first_member)s to %(last_member)s whose last own act, as last read, is so old that they may have to be told
-- or fall asleep by %(as_of)s; read it anew and keep it. An own act is an activity of a kind that the bank doesn't leave out, a sign-in, the
-- acceptance, a waking. Gives who has done nothing for long: id, last act, and the day on
-- which he has been told that he falls asleep, NULL where he has not been told yet. What was before the bank's first date nobody knows.
-- Whoever does something is looked at again only months later, so a night reads few members' activities, by their key.
WITH due AS MATERIALIZED (
  SELECT m.id, b.dormant_after_months AS months, b.dormancy_ignores AS ignored, m.last_act_on AS known, m.joined_on,
         greatest(m.accepted_at, m.woken_at, u.last_login) AS seen_at, b.first_business_date
    FROM jobs_bank b
    JOIN members_member m ON m.id BETWEEN %(first_member)s AND %(last_member)s AND m.status = 'active' AND m.accepted_at IS NOT NULL
     AND (m.last_act_on IS NULL OR m.last_act_on <= %(as_of)s::date + %(notice_days)s - make_interval(months => b.dormant_after_months))
    LEFT JOIN access_user u ON u.id = m.user_id
   WHERE b.dormant_after_months IS NOT NULL),
act AS MATERIALIZED (
  SELECT d.*, greatest(d.joined_on, d.first_business_date, (d.seen_at AT TIME ZONE %(zone)s)::date, (
           SELECT max(a.occurred_on) FROM activity_activity a
            WHERE a.member_id = d.id AND a.booked_on <= %(as_of)s AND a.kind <> ALL (d.ignored))) AS last_act_on
    FROM due d),
kept AS (
  UPDATE members_member m SET last_act_on = a.last_act_on FROM act a WHERE m.id = a.id AND a.known IS DISTINCT FROM a.last_act_on)
SELECT id, last_act_on, told.asleep_on
  FROM act
 CROSS JOIN LATERAL (  -- by the key of the notice: kind/last act/day
   SELECT max(split_part(o.key, '/', 3))::date AS asleep_on FROM outbox_obligation o
    WHERE o.member_id = act.id AND o.topic = %(topic)s AND o.key LIKE concat_ws('/', %(notice)s, last_act_on, '%%')) told
 WHERE (last_act_on + make_interval(months => months))::date <= %(as_of)s::date + %(notice_days)s
 ORDER BY id
