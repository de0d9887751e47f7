-- Gives what a purse of a currency that lapses by inactivity loses if nothing more happens: by its last usable day, soonest first, not
-- before %(today)s. Takes %(member_id)s and %(currency_id)s; no row for other currencies. Served by the keys of lots, entries and
-- activities, all of the one member; `points_lapse_inactive` says the same for a night.
SELECT greatest((greatest(e.occurred_on, last.activity) + make_interval(months => c.expiry_months))::date, %(today)s) AS last_day,
       sum(l.remaining)::bigint AS points
  FROM points_pointcurrency c
  JOIN points_lot l ON l.member_id = %(member_id)s AND l.currency_id = c.id AND l.expires_on = '9999-12-31' AND l.remaining > 0
  JOIN points_entry e ON e.member_id = l.member_id AND e.currency_id = l.currency_id AND e.number = l.number
 CROSS JOIN (SELECT max(occurred_on) AS activity FROM activity_activity WHERE member_id = %(member_id)s) last
 WHERE c.id = %(currency_id)s AND c.expiry_policy = 'inactivity' AND e.occurred_on >= coalesce(c.inactivity_from, '-infinity')
 GROUP BY 1
 ORDER BY 1
