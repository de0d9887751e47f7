-- Holds: points set aside for a redemption that waits for a partner (docs/ledger.md). Holding moves no balance, so it writes no entry;
-- a capture is the redemption's entry, and what is given back returns to its lots. `runtime` does all of it through these functions.

-- Take no more of a purse than is available, for the purses p_member, p_currency that the caller has locked: first release what waits and
-- book what has lapsed by p_day.
CREATE FUNCTION points_bring_up_to_date(p_member bigint[], p_currency smallint[], p_day date, p_closed date, p_open date)
RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE stale_members bigint[]; stale_currencies smallint[];
BEGIN
  SELECT array_agg(b.member_id), array_agg(b.currency_id) INTO stale_members, stale_currencies
    FROM (SELECT DISTINCT member_id, currency_id FROM unnest(p_member, p_currency) u(member_id, currency_id)) i
    JOIN points_purse b ON b.member_id = i.member_id AND b.currency_id = i.currency_id
   WHERE b.pending > 0 OR p_day > p_closed + 1;
  IF stale_members IS NOT NULL THEN
    PERFORM points_settle(stale_members, stale_currencies, array_fill(p_day, ARRAY[cardinality(stale_members)]), p_day, p_closed, p_open,
                          NULL);
  END IF;
END $$;

-- Lock the purses of a batch, always in the same order.
CREATE FUNCTION points_lock(p_member bigint[], p_currency smallint[]) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
  PERFORM FROM (SELECT DISTINCT member_id, currency_id FROM unnest(p_member, p_currency) u(member_id, currency_id)
                 ORDER BY member_id, currency_id) i
     JOIN points_purse b ON b.member_id = i.member_id AND b.currency_id = i.currency_id
    ORDER BY i.member_id, i.currency_id FOR NO KEY UPDATE OF b;
END $$;

-- Hold points, one item or many; one answer per item, in no order: `held` (balance_after: what is available then), `duplicate` (held before
-- under this key, whatever became of it), `conflict` (with other points or cause), `insufficient`, `frozen`, `unknown_purse`. A purse's
-- holds are taken in the order given, from its available lots that are usable on p_on, first to expire first.
CREATE FUNCTION points_hold(
  p_member bigint[], p_currency smallint[], p_key uuid[], p_points bigint[], p_lapses_at timestamptz[], p_cause text[], p_on date
) RETURNS SETOF points_answer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
  open_on date := bank_booking_date(); closed_through date; answers points_answer[]; rest points_rest[]; n_missing bigint;
BEGIN
  IF NOT (1 <= ALL (p_points) AND 1000000000000 >= ALL (p_points)) THEN
    RAISE EXCEPTION 'points are out of range' USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_points_in_range';
  END IF;
  SELECT coalesce(max(date), '-infinity') INTO closed_through FROM jobs_businessdate WHERE status = 'closed';
  PERFORM points_lock(p_member, p_currency);
  PERFORM points_bring_up_to_date(p_member, p_currency, greatest(p_on, open_on), closed_through, open_on);
  WITH item AS (
    SELECT u.*, b.available,
           CASE WHEN h.key IS NOT NULL THEN CASE WHEN (h.points, h.cause) = (u.points, u.cause) THEN 'duplicate' ELSE 'conflict' END
                WHEN b.member_id IS NULL OR m.status IS DISTINCT FROM 'active' THEN 'unknown_purse'
                WHEN b.frozen THEN 'frozen'
                WHEN u.repeat > 1 THEN 'conflict'
                WHEN c.kind = 'growth' THEN 'insufficient'
                ELSE 'held' END AS way
      FROM (SELECT *, row_number() OVER (PARTITION BY member_id, currency_id, key ORDER BY seq) AS repeat
              FROM unnest(p_member, p_currency, p_key, p_points, p_cause) WITH ORDINALITY
                   AS u(member_id, currency_id, key, points, cause, seq)) u
      LEFT JOIN points_purse b ON b.member_id = u.member_id AND b.currency_id = u.currency_id
      LEFT JOIN members_member m ON m.id = u.member_id
      LEFT JOIN points_pointcurrency c ON c.id = u.currency_id
      LEFT JOIN points_hold h ON h.member_id = u.member_id AND h.currency_id = u.currency_id AND h.key = u.key),
  weighed AS (
    SELECT *, points_spend(points, 0, available, false) FILTER (WHERE way = 'held')
                OVER (PARTITION BY member_id, currency_id ORDER BY seq ROWS UNBOUNDED PRECEDING) AS spent
      FROM item),
  decided AS MATERIALIZED (
    SELECT *, CASE WHEN way = 'held' AND spent[2] < points THEN 'insufficient' ELSE way END AS outcome FROM weighed),
  written AS (
    INSERT INTO points_hold (member_id, currency_id, key, points, held_on, lapses_at, cause, state)
    SELECT member_id, currency_id, key, points, open_on, p_lapses_at[seq], cause, 'held' FROM decided WHERE outcome = 'held'),
  balances AS (
    UPDATE points_purse b SET available = b.available - d.points, held = b.held + d.points,  -- touched, so that the night proves it
           last_booked_on = greatest(b.last_booked_on, open_on)
      FROM (SELECT member_id, currency_id, sum(points)::bigint AS points FROM decided WHERE outcome = 'held' GROUP BY member_id, currency_id) d
     WHERE b.member_id = d.member_id AND b.currency_id = d.currency_id)
  SELECT array_agg(ROW(seq, outcome, NULL, CASE WHEN outcome = 'held' THEN available - spent[1] ELSE available END)::points_answer),
         array_agg(ROW(seq, outcome, NULL, NULL, NULL, spent[1] - spent[2], spent[1], 0)::points_rest) FILTER (WHERE outcome = 'held')
    INTO answers, rest FROM decided;
  IF rest IS NOT NULL THEN
    WITH part AS MATERIALIZED (
      SELECT p_member[d.seq] AS member_id, p_currency[d.seq] AS currency_id, p_key[d.seq] AS key, l.expires_on, l.number,
             least(l.upto, d.spent_to) - greatest(l.upto - l.remaining, d.spent_from) AS points
        FROM unnest(rest) d
       CROSS JOIN LATERAL (SELECT expires_on, number, remaining, (sum(remaining) OVER (ORDER BY expires_on, number))::bigint AS upto
                             FROM points_lot WHERE member_id = p_member[d.seq] AND currency_id = p_currency[d.seq]
                              AND expires_on > closed_through AND available_on <= open_on AND remaining > 0) l
       WHERE l.upto > d.spent_from AND l.upto - l.remaining < d.spent_to),
    lots AS (
      UPDATE points_lot l SET remaining = l.remaining - p.points, held = l.held + p.points
        FROM (SELECT member_id, currency_id, expires_on, number, sum(points)::bigint AS points
                FROM part GROUP BY member_id, currency_id, expires_on, number) p
       WHERE l.member_id = p.member_id AND l.currency_id = p.currency_id AND l.expires_on = p.expires_on AND l.number = p.number),
    parts AS (
      INSERT INTO points_holdpart (member_id, currency_id, hold_key, lot_expires_on, lot_number, points)
      SELECT member_id, currency_id, key, expires_on, number, points FROM part)
    SELECT (SELECT sum(spent_to - spent_from) FROM unnest(rest)) - coalesce(sum(points), 0) INTO n_missing FROM part;
    IF n_missing <> 0 THEN
      RAISE EXCEPTION 'lots and balance disagree by % points', n_missing USING ERRCODE = 'data_corrupted';
    END IF;
  END IF;
  RETURN QUERY SELECT * FROM unnest(answers);
END $$;

-- Book the entry of what holds p_hold have set aside in the lots whose last day lies before p_good_from ('infinity': in all of them): a
-- redemption under the hold's key, with its allocations. The caller has locked the purses; the holds are held.
CREATE FUNCTION points_book_held(p_member bigint[], p_currency smallint[], p_key uuid[], p_occurred date[], p_good_from date[], p_open date)
RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
  WITH part AS MATERIALIZED (
    SELECT u.seq, u.member_id, u.currency_id, u.key, h.cause, u.occurred_on, p.lot_expires_on, p.lot_number, p.points
      FROM unnest(p_member, p_currency, p_key, p_occurred, p_good_from) WITH ORDINALITY
           AS u(member_id, currency_id, key, occurred_on, good_from, seq)
      JOIN points_hold h ON h.member_id = u.member_id AND h.currency_id = u.currency_id AND h.key = u.key
      JOIN points_holdpart p ON p.member_id = u.member_id AND p.currency_id = u.currency_id AND p.hold_key = u.key
     WHERE p.lot_expires_on < u.good_from),
  booked AS MATERIALIZED (
    SELECT h.*, (b.entries + row_number() OVER in_order)::integer AS number,
           b.available + b.pending + b.held - b.owed - (sum(h.points) OVER in_order)::bigint AS balance_after
      FROM (SELECT seq, member_id, currency_id, key, cause, occurred_on, sum(points)::bigint AS points
              FROM part GROUP BY seq, member_id, currency_id, key, cause, occurred_on) h
      JOIN points_purse b ON b.member_id = h.member_id AND b.currency_id = h.currency_id
    WINDOW in_order AS (PARTITION BY h.member_id, h.currency_id ORDER BY h.seq ROWS UNBOUNDED PRECEDING)),
  written AS (
    INSERT INTO points_entry (member_id, currency_id, number, kind, points, balance_after, event_key, occurred_on, booked_on, cause)
    SELECT member_id, currency_id, number, 3, -points, balance_after, key, occurred_on, greatest(occurred_on, p_open), cause FROM booked),
  allocations AS (
    INSERT INTO points_allocation (member_id, currency_id, debit_number, lot_expires_on, lot_number, points)
    SELECT p.member_id, p.currency_id, b.number, p.lot_expires_on, p.lot_number, p.points FROM part p JOIN booked b USING (seq)),
  lots AS (
    UPDATE points_lot l SET held = l.held - p.points
      FROM (SELECT member_id, currency_id, lot_expires_on, lot_number, sum(points)::bigint AS points
              FROM part GROUP BY member_id, currency_id, lot_expires_on, lot_number) p
     WHERE l.member_id = p.member_id AND l.currency_id = p.currency_id AND l.expires_on = p.lot_expires_on AND l.number = p.lot_number),
  holds AS (
    UPDATE points_hold h SET entry_number = b.number FROM booked b
     WHERE h.member_id = b.member_id AND h.currency_id = b.currency_id AND h.key = b.key)
  UPDATE points_purse b SET held = b.held - d.points, debited = b.debited + d.points, entries = b.entries + d.entries,
         last_booked_on = greatest(b.last_booked_on, d.booked_on)
    FROM (SELECT member_id, currency_id, sum(points)::bigint AS points, count(*) AS entries, max(greatest(occurred_on, p_open)) AS booked_on
            FROM booked GROUP BY member_id, currency_id) d
   WHERE b.member_id = d.member_id AND b.currency_id = d.currency_id;
END $$;

-- Capture holds: the redemption's entry under the hold's key, from the lots it holds; one answer per item: `posted`, `duplicate` (captured
-- before: that entry), `released` or `lapsed` (also where its time is over at p_at), `unknown_hold`. A repeat in the batch is a duplicate.
CREATE FUNCTION points_capture(p_member bigint[], p_currency smallint[], p_key uuid[], p_occurred date[], p_at timestamptz)
RETURNS SETOF points_answer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE open_on date := bank_booking_date(); outcomes text[]; fresh bigint[];
BEGIN
  PERFORM points_lock(p_member, p_currency);
  SELECT array_agg(outcome ORDER BY seq), array_agg(seq ORDER BY seq) FILTER (WHERE outcome = 'posted') INTO outcomes, fresh
    FROM (SELECT u.seq, CASE WHEN h.key IS NULL THEN 'unknown_hold' WHEN h.state = 'captured' THEN 'duplicate'
                             WHEN h.state = 'held' AND h.lapses_at <= p_at THEN 'lapsed' WHEN h.state <> 'held' THEN h.state
                             WHEN row_number() OVER (PARTITION BY u.member_id, u.currency_id, u.key ORDER BY u.seq) > 1 THEN 'duplicate'
                             ELSE 'posted' END AS outcome
            FROM unnest(p_member, p_currency, p_key) WITH ORDINALITY AS u(member_id, currency_id, key, seq)
            LEFT JOIN points_hold h ON h.member_id = u.member_id AND h.currency_id = u.currency_id AND h.key = u.key) o;
  IF fresh IS NOT NULL THEN
    PERFORM points_book_held(array_agg(p_member[s]), array_agg(p_currency[s]), array_agg(p_key[s]), array_agg(p_occurred[s]),
                             array_agg('infinity'::date), open_on)
       FROM unnest(fresh) s;
    UPDATE points_hold h SET state = 'captured', ended_on = open_on FROM unnest(fresh) s
     WHERE h.member_id = p_member[s] AND h.currency_id = p_currency[s] AND h.key = p_key[s];
  END IF;
  RETURN QUERY
  SELECT o.seq, o.outcome, e.number, e.balance_after
    FROM unnest(outcomes) WITH ORDINALITY AS o(outcome, seq)
    LEFT JOIN points_entry e ON o.outcome IN ('posted', 'duplicate') AND e.member_id = p_member[o.seq]
                            AND e.currency_id = p_currency[o.seq] AND e.event_key = p_key[o.seq];
END $$;

-- Give holds back, which are then in p_state, released or lapsed; one answer per item: p_state (balance_after: what is available then),
-- `duplicate` (was so before), the other way it ended, `unknown_hold`. What lies in lots that are usable on p_on returns to them. What has lapsed
-- meanwhile, and all of a purse that owes, comes back as by a restore: the redemption is booked and returned, one lot per lot held, which
-- expires no earlier than 30 days after p_on, or when its lot did that is usable still; as any credit it first pays what is owed.
CREATE FUNCTION points_give_back(p_member bigint[], p_currency smallint[], p_key uuid[], p_state text, p_on date)
RETURNS SETOF points_answer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE open_on date := bank_booking_date(); outcomes text[]; fresh bigint[]; good_from date[];
BEGIN
  IF p_state NOT IN ('released', 'lapsed') THEN
    RAISE EXCEPTION 'a hold ends released or lapsed' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM points_lock(p_member, p_currency);
  SELECT array_agg(outcome ORDER BY seq), array_agg(seq ORDER BY seq) FILTER (WHERE outcome = p_state) INTO outcomes, fresh
    FROM (SELECT u.seq, CASE WHEN h.key IS NULL THEN 'unknown_hold' WHEN h.state = p_state THEN 'duplicate' WHEN h.state <> 'held' THEN h.state
                             WHEN row_number() OVER (PARTITION BY u.member_id, u.currency_id, u.key ORDER BY u.seq) > 1 THEN 'duplicate'
                             ELSE p_state END AS outcome
            FROM unnest(p_member, p_currency, p_key) WITH ORDINALITY AS u(member_id, currency_id, key, seq)
            LEFT JOIN points_hold h ON h.member_id = u.member_id AND h.currency_id = u.currency_id AND h.key = u.key) o;
  IF fresh IS NOT NULL THEN
    SELECT array_agg(CASE WHEN b.owed > 0 THEN 'infinity' ELSE p_on END ORDER BY s) INTO good_from
      FROM unnest(fresh) s JOIN points_purse b ON b.member_id = p_member[s] AND b.currency_id = p_currency[s];
    WITH part AS MATERIALIZED (
      SELECT p.member_id, p.currency_id, p.lot_expires_on, p.lot_number, sum(p.points)::bigint AS points
        FROM unnest(fresh, good_from) f(s, good_from)
        JOIN points_holdpart p ON p.member_id = p_member[s] AND p.currency_id = p_currency[s] AND p.hold_key = p_key[s]
       WHERE p.lot_expires_on >= f.good_from
       GROUP BY p.member_id, p.currency_id, p.lot_expires_on, p.lot_number),
    lots AS (
      UPDATE points_lot l SET held = l.held - p.points, remaining = l.remaining + p.points FROM part p
       WHERE l.member_id = p.member_id AND l.currency_id = p.currency_id AND l.expires_on = p.lot_expires_on AND l.number = p.lot_number)
    UPDATE points_purse b SET held = b.held - d.points, available = b.available + d.points,
           last_booked_on = greatest(b.last_booked_on, open_on)
      FROM (SELECT member_id, currency_id, sum(points)::bigint AS points FROM part GROUP BY member_id, currency_id) d
     WHERE b.member_id = d.member_id AND b.currency_id = d.currency_id;
    PERFORM points_book_held(array_agg(p_member[s]), array_agg(p_currency[s]), array_agg(p_key[s]), array_agg(p_on), array_agg(g), open_on)
       FROM unnest(fresh, good_from) f(s, g);
    PERFORM points_post(array_agg(p.member_id), array_agg(p.currency_id),
                        array_agg(md5('give back/' || p.hold_key || '/' || p.lot_number)::uuid), array_agg(6::smallint), array_agg(p.points),
                        array_agg(p_on), array_agg(CASE WHEN p.lot_expires_on >= p_on THEN p.lot_expires_on
                                                        ELSE greatest(p.lot_expires_on, p_on + 30) END),
                        array_agg(NULL::date), array_agg(p.cause || '/lot/' || p.lot_number), array_agg(NULL::integer),
                        array_agg(NULL::jsonb), NULL, NULL)
       FROM (SELECT p.*, h.cause
               FROM unnest(fresh, good_from) f(s, g)
               JOIN points_hold h ON h.member_id = p_member[s] AND h.currency_id = p_currency[s] AND h.key = p_key[s]
               JOIN points_holdpart p ON p.member_id = h.member_id AND p.currency_id = h.currency_id AND p.hold_key = h.key
              WHERE p.lot_expires_on < f.g
              ORDER BY f.s, p.lot_expires_on, p.lot_number) p HAVING count(*) > 0;
    UPDATE points_hold h SET state = p_state, ended_on = open_on FROM unnest(fresh) s
     WHERE h.member_id = p_member[s] AND h.currency_id = p_currency[s] AND h.key = p_key[s];
  END IF;
  RETURN QUERY
  SELECT o.seq, o.outcome, NULL::integer, b.available
    FROM unnest(outcomes) WITH ORDINALITY AS o(outcome, seq)
    LEFT JOIN points_purse b ON b.member_id = p_member[o.seq] AND b.currency_id = p_currency[o.seq];
END $$;

CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON points_holdpart FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE points_holdpart ENABLE ALWAYS TRIGGER written_once;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON points_hold, points_holdpart FROM runtime;
REVOKE EXECUTE ON FUNCTION points_bring_up_to_date, points_lock, points_hold, points_book_held, points_capture, points_give_back
  FROM PUBLIC, runtime;
GRANT EXECUTE ON FUNCTION points_hold, points_capture, points_give_back TO runtime;
