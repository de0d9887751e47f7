-- Generated activities of a range of members, history and nights alike; the same seed gives the same bank.
-- Takes first, last (member ids), seed, start, until (first and last day), first_booking (the first business date),
-- monthly (activities a month of an ordinary member), source, zone, currency. Gives one row per activity.
-- A member's pulse is skewed like a real bank's: most do little, a few do very much (Pareto, at most 12 times the ordinary).
INSERT INTO activity_activity (member_id, source_id, external_id, account_id, direction, kind, purpose, amount_minor, currency,
                               occurred_at, occurred_on, booked_on, channel, merchant_category, product, branch, attributes,
                               earned_at_once)
SELECT member_id, %(source)s, 'G' || member_id || '-' || n, account_id,
       CASE WHEN kind IN ('log_in', 'event') THEN '' WHEN kind = 'salary' THEN 'credit' ELSE 'debit' END,
       kind, '', amount, %(currency)s,
       (day + time '08:00' + make_interval(secs => (dice & 32767))) AT TIME ZONE %(zone)s, day,
       greatest(day, %(first_booking)s),
       CASE kind WHEN 'card_spend' THEN 'pos' WHEN 'log_in' THEN 'mobile'
                 ELSE (ARRAY['mobile', 'mobile', 'online', 'counter'])[1 + (dice >> 15 & 3)] END,
       CASE WHEN kind = 'card_spend'
            THEN (ARRAY['dining', 'supermarket', 'travel', 'department_store', 'fuel', 'online_shop', 'hospital', 'cinema'])[1 + (dice >> 17 & 7)]
            ELSE '' END,
       '', '', '{}', false
  FROM (
    SELECT m.id AS member_id, n, dice, account_id,
           greatest(%(start)s, m.joined_on) + ((span * (dice >> 20 & 65535) + 32768) >> 16)::int AS day,
           CASE WHEN lot < 66 THEN 'card_spend' WHEN lot < 76 THEN 'bill_payment' WHEN lot < 90 THEN 'log_in'
                WHEN lot < 93 THEN 'wealth_purchase' WHEN lot < 99 THEN 'salary' ELSE 'event' END AS kind,
           CASE WHEN lot < 66 THEN (1500 + 90000 * power((dice >> 36 & 4095) / 4096::float8, 4))::bigint
                WHEN lot < 76 THEN (5000 + 40000 * ((dice >> 36 & 4095) / 4096.0))::bigint
                WHEN lot < 90 THEN NULL
                WHEN lot < 93 THEN (1000000 + 9000000 * power((dice >> 36 & 4095) / 4096::float8, 3))::bigint
                WHEN lot < 99 THEN (600000 + 3000000 * power((dice >> 36 & 4095) / 4096::float8, 2))::bigint END AS amount
      FROM (
        SELECT id, joined_on, account_id, %(until)s::date - greatest(%(start)s::date, joined_on) AS span,
               least(12, 0.35 / power(1 - (hashint8extended(id, %(seed)s) & 65535) / 65536.0, 0.62)) AS pulse
          FROM members_member
          LEFT JOIN (SELECT member_id, min(id) AS account_id FROM members_account
                      WHERE member_id BETWEEN %(first)s AND %(last)s GROUP BY member_id) a ON a.member_id = members_member.id
         WHERE id BETWEEN %(first)s AND %(last)s AND joined_on <= %(until)s AND status = 'active') m
     CROSS JOIN LATERAL generate_series(1, greatest(1, (pulse * %(monthly)s * (span + 1) / 30.4))::int) n
     CROSS JOIN LATERAL (SELECT hashint8extended(m.id * 100000 + n, %(seed)s) & 9007199254740991 AS dice) d
     CROSS JOIN LATERAL (SELECT (dice >> 3) %% 100 AS lot) l
  ) generated
ON CONFLICT DO NOTHING
