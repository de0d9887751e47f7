-- Until when a credit of `currency` that occurred on `occurred_on` can be used: the last usable day, 9999-12-31 for never. `tier` is the
-- code of the member's tier in the main programme on the evening before; only the policy by_tier asks for it. Months are counted from
-- the day itself, never chained. The only place where this is worked out: small enough for the planner to put it in where it is called.
CREATE FUNCTION points_expires_on(currency points_pointcurrency, tier text, occurred_on date) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE (currency).expiry_policy
    WHEN 'months' THEN
      (date_trunc('month', occurred_on::timestamp) + make_interval(months => (currency).expiry_months + 1))::date - 1
    WHEN 'year_end' THEN make_date(extract(year FROM occurred_on)::integer + (currency).expiry_years, 12, 31)
    WHEN 'by_tier' THEN
      coalesce((date_trunc('month', occurred_on::timestamp)
                + make_interval(months => ((currency).expiry_by_tier ->> tier)::integer + 1))::date - 1, '9999-12-31')
    ELSE '9999-12-31'
  END
$$;

-- Expire, booked on p_as_of, which must be closing, what remains of lots without a last day of the members p_first..p_last in currencies
-- that lapse by inactivity, where neither the member has had an activity (booked by then) nor the lot was earned within the currency's
-- months (clipped). Lots earned before the currency's inactivity_from are left alone. A bank without such a currency pays one look.
CREATE FUNCTION points_lapse_inactive(p_as_of date, p_first bigint, p_last bigint, OUT purses bigint, OUT lots bigint, OUT points bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
  never CONSTANT date := '9999-12-31';
  open_on date; idle_members bigint[]; idle_currencies smallint[];
BEGIN
  PERFORM points_check_closing(p_as_of);
  purses := 0; lots := 0; points := 0;
  IF NOT EXISTS (SELECT FROM points_pointcurrency WHERE expiry_policy = 'inactivity') THEN
    RETURN;
  END IF;
  open_on := bank_booking_date();
  -- Who has earned in this purse within the months, as most have, is known by his newest lot; only the others' activities are read.
  SELECT array_agg(member_id), array_agg(currency_id), count(*) INTO idle_members, idle_currencies, purses
    FROM (SELECT b.member_id, b.currency_id
            FROM points_purse b
            JOIN points_pointcurrency c ON c.id = b.currency_id AND c.expiry_policy = 'inactivity'
           WHERE b.member_id BETWEEN p_first AND p_last AND b.available + b.pending > 0
             AND NOT EXISTS (
               SELECT FROM (SELECT number FROM points_lot
                             WHERE member_id = b.member_id AND currency_id = b.currency_id AND expires_on = never
                             ORDER BY number DESC LIMIT 1) newest
                 JOIN points_entry e ON e.member_id = b.member_id AND e.currency_id = b.currency_id AND e.number = newest.number
                WHERE e.kind = 1 AND e.booked_on <= p_as_of AND e.occurred_on + make_interval(months => c.expiry_months) > p_as_of)
             AND EXISTS (
               SELECT FROM points_lot l
                 JOIN points_entry e ON e.member_id = l.member_id AND e.currency_id = l.currency_id AND e.number = l.number
                WHERE l.member_id = b.member_id AND l.currency_id = b.currency_id AND l.expires_on = never AND l.remaining > 0
                  AND e.occurred_on >= coalesce(c.inactivity_from, '-infinity')
                  AND e.occurred_on + make_interval(months => c.expiry_months) <= p_as_of)
             AND NOT EXISTS (
               SELECT FROM activity_activity a
                WHERE a.member_id = b.member_id AND a.booked_on <= p_as_of
                  AND a.occurred_on + make_interval(months => c.expiry_months) > p_as_of)
           ORDER BY b.member_id, b.currency_id FOR NO KEY UPDATE OF b) idle;
  IF purses > 0 THEN
    WITH gone AS MATERIALIZED (  -- the balance is taken from the lifetime sums, which say the same however many points are held
      SELECT l.member_id, l.currency_id, l.number AS lot, l.remaining, l.available_on > open_on AS pending,
             (b.entries + row_number() OVER in_order)::integer AS number,
             b.credited - b.debited - b.expired - points_sum(l.remaining) OVER in_order AS balance_after,
             jsonb_strip_nulls(jsonb_build_object(
               'inactive_months', c.expiry_months,
               'last_activity', (SELECT max(a.occurred_on) FROM activity_activity a
                                  WHERE a.member_id = i.member_id AND a.booked_on <= p_as_of))) AS figures
        FROM unnest(idle_members, idle_currencies) i(member_id, currency_id)
        JOIN points_purse b ON b.member_id = i.member_id AND b.currency_id = i.currency_id
        JOIN points_pointcurrency c ON c.id = i.currency_id
        JOIN points_lot l ON l.member_id = i.member_id AND l.currency_id = i.currency_id AND l.expires_on = never AND l.remaining > 0
        JOIN points_entry e ON e.member_id = l.member_id AND e.currency_id = l.currency_id AND e.number = l.number
       WHERE e.occurred_on >= coalesce(c.inactivity_from, '-infinity')
         AND e.occurred_on + make_interval(months => c.expiry_months) <= p_as_of
      WINDOW in_order AS (PARTITION BY l.member_id, l.currency_id ORDER BY l.number ROWS UNBOUNDED PRECEDING)),
    emptied AS (
      UPDATE points_lot l SET expired = l.expired + g.remaining, remaining = 0 FROM gone g
       WHERE l.member_id = g.member_id AND l.currency_id = g.currency_id AND l.expires_on = never AND l.number = g.lot),
    balances AS (
      UPDATE points_purse b
         SET available = b.available - g.points + g.pending, pending = b.pending - g.pending, expired = b.expired + g.points,
             entries = b.entries + g.lots, last_booked_on = greatest(b.last_booked_on, p_as_of)
        FROM (SELECT member_id, currency_id, count(*) AS lots, points_sum(remaining) AS points,
                     points_sum(remaining) FILTER (WHERE pending) AS pending
                FROM gone GROUP BY member_id, currency_id) g
       WHERE b.member_id = g.member_id AND b.currency_id = g.currency_id),
    entries AS (  -- a lot may lapse again, when a hold on a part of it is given back: the key names the day
      INSERT INTO points_entry (member_id, currency_id, number, kind, points, balance_after, event_key, occurred_on, booked_on, cause,
                                figures)
      SELECT member_id, currency_id, number, 4, -remaining, balance_after, md5('inactive/' || lot || '/' || p_as_of)::uuid,
             p_as_of, p_as_of, 'lot/' || lot, figures
        FROM gone)
    SELECT count(*), coalesce(sum(remaining), 0) INTO lots, points FROM gone;
  END IF;
END $$;

REVOKE EXECUTE ON FUNCTION points_lapse_inactive FROM PUBLIC, runtime;
GRANT EXECUTE ON FUNCTION points_lapse_inactive TO runtime;
