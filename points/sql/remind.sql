-- Owe a reminder for each lot of the members first..last whose last day is one of %(days)s, and for each lot booked on
-- %(as_of)s that lapses before %(horizon)s, under the step it stands in; the row count says how many are new.
-- Who has switched that step off, or every way to be told of points, is not reminded; the others after their quiet hours.
-- Reads the months of those days only, by the lots' key; the date's credits by entry_booked.
INSERT INTO outbox_obligation (topic, member_id, key, payload, due_at, not_before)
SELECT %(topic)s, l.member_id, concat_ws('/', l.currency_id, to_char(l.expires_on, 'YYYY-MM-DD'), l.number, l.step),
       jsonb_build_object('currency_id', l.currency_id, 'expires_on', l.expires_on, 'lot', l.number, 'points', l.remaining,
                          'days_before', l.step), w.at, w.at
  FROM (SELECT member_id, currency_id, expires_on, number, remaining, expires_on - %(as_of)s::date AS step
          FROM points_lot
         WHERE expires_on = ANY (%(days)s::date[]) AND member_id BETWEEN %(first_member)s AND %(last_member)s AND remaining > 0
         UNION ALL
        SELECT o.member_id, o.currency_id, o.expires_on, o.number, o.remaining,
               CASE WHEN o.expires_on <= %(as_of)s::date + %(nearest)s THEN %(nearest)s
                    WHEN o.expires_on <= %(as_of)s::date + %(middle)s THEN %(middle)s ELSE %(widest)s END
          FROM points_entry e
          JOIN points_lot o ON o.member_id = e.member_id AND o.currency_id = e.currency_id AND o.number = e.number
                           AND o.expires_on > %(as_of)s AND o.expires_on < %(horizon)s AND o.remaining > 0
         WHERE e.booked_on = %(as_of)s AND e.points > 0 AND e.member_id BETWEEN %(first_member)s AND %(last_member)s) l
  JOIN members_member m ON m.id = l.member_id AND m.status <> 'closed'
  LEFT JOIN members_preference p ON p.member_id = l.member_id
 CROSS JOIN LATERAL (
   SELECT CASE WHEN p.member_id IS NULL THEN members_after_quiet(now(), %(quiet_from)s, %(quiet_until)s, %(zone)s)
               ELSE members_after_quiet(now(), p.quiet_from, p.quiet_until, %(zone)s) END AS at) w
 WHERE p.member_id IS NULL OR l.step = ANY (p.reminders) AND NOT p.muted @> %(every_way)s::varchar[]
    ON CONFLICT ON CONSTRAINT obligation_once_per_member_topic_and_key DO NOTHING
