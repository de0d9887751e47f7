-- Generated end-of-day balances: one at the start (or opening), then one every `snapshot_days` or so, of accounts that hold assets.
-- Takes first, last (member ids), seed, start, until, first_booking, source, snapshot_days. Gives one row per account and day.
INSERT INTO activity_balancesnapshot (member_id, account_id, day, revision, amount_minor, booked_on, source_id)
SELECT member_id, id, day, 1, amount, greatest(day, %(first_booking)s), %(source)s
  FROM (
    SELECT DISTINCT ON (a.member_id, a.id, day) a.member_id, a.id, day,
           (wealth * (0.6 + 0.8 * ((dice >> 12 & 4095) / 4096.0)))::bigint AS amount
      FROM (
        SELECT member_id, id, greatest(%(start)s::date, opened_on) AS first_day,
               CASE account_class WHEN 'wealth' THEN 4 ELSE 1 END
               * least(400000000, 250000 / power(1 - (hashint8extended(member_id, %(seed)s + 1) & 65535) / 65536.0, 1.1)) AS wealth
          FROM members_account
         WHERE member_id BETWEEN %(first)s AND %(last)s AND account_class IN ('deposit', 'wealth') AND opened_on <= %(until)s
         OFFSET 0) a  -- else an account's wealth would be worked out again for each of its days
     CROSS JOIN LATERAL generate_series(0, ((%(until)s::date - first_day) / %(snapshot_days)s::numeric)::int) n
     CROSS JOIN LATERAL (SELECT hashint8extended(a.id * 1000 + n, %(seed)s + 2) & 9007199254740991 AS dice) d
     CROSS JOIN LATERAL (SELECT first_day + CASE WHEN n = 0 THEN 0
                                ELSE (%(until)s::date - first_day) * (dice >> 24 & 4095) / 4096 END::int AS day) s
     ORDER BY a.member_id, a.id, day, n) generated
ON CONFLICT DO NOTHING
