-- One door to the ledger (design: ledger.md §1-3). Everything here belongs to `owner`; `runtime` may execute what is granted
-- at the end and select from the tables, nothing else.

-- What never expires has a range of its own instead of a catch-all: a month without its partition is then refused, and a new
-- month is attached without stopping readers or writers (a default partition would have to be locked exclusively for that).
ALTER TABLE points_lot DETACH PARTITION points_lot_rest;
ALTER TABLE points_lot_rest RENAME TO points_lot_never;
ALTER TABLE points_lot_never ADD CONSTRAINT lot_never_expires CHECK (expires_on = '9999-12-31');
ALTER TABLE points_lot ATTACH PARTITION points_lot_never FOR VALUES FROM ('9999-12-31') TO (MAXVALUE);

ALTER TABLE points_entry ADD CONSTRAINT entry_kind_agrees_with_its_sign
  CHECK (CASE WHEN kind IN (1, 2, 6) THEN points >= 0 WHEN kind IN (3, 4, 5) THEN points <= 0 ELSE true END);

-- Make the missing months of lots from the month of p_first to that of p_last; return how many were made.
CREATE FUNCTION points_ensure_partitions(p_first date, p_last date) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE month date; partition text; made integer := 0;
BEGIN
  IF p_last > p_first + interval '50 years' THEN
    RAISE EXCEPTION 'months from % to % are too many', p_first, p_last USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR month IN SELECT generate_series(date_trunc('month', p_first), date_trunc('month', p_last), '1 month')::date LOOP
    partition := 'points_lot_' || to_char(month, 'YYYYMM');
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    LOCK TABLE ONLY points_lot IN SHARE UPDATE EXCLUSIVE MODE;  -- one maker at a time; it stops neither readers nor writers
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    EXECUTE format('CREATE TABLE %I (LIKE points_lot INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)'
                   ' WITH (fillfactor = 85)', partition);
    EXECUTE format('REVOKE ALL ON %I FROM runtime', partition);
    EXECUTE format('GRANT SELECT ON %I TO runtime', partition);
    EXECUTE format('ALTER TABLE points_lot ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   partition, month, (month + interval '1 month')::date);
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;

-- Refuse to book on a business date that is not closing; NULL stands for the first open date.
CREATE FUNCTION points_check_closing(p_date date) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF p_date IS NOT NULL AND NOT EXISTS (SELECT FROM jobs_businessdate WHERE date = p_date AND status = 'closing') THEN
    RAISE EXCEPTION 'business date % is not closing', p_date
      USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_date_is_closing';
  END IF;
END $$;

-- What a purse's debits have spent so far, and what the last of them took: one that does not fit takes nothing, one that may owe
-- takes what is there.
CREATE FUNCTION points_spend_step(so_far bigint[], points bigint, can_spend bigint, may_owe boolean) RETURNS bigint[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN so_far[1] + points <= can_spend THEN ARRAY[so_far[1] + points, points]
              WHEN may_owe THEN ARRAY[can_spend, can_spend - so_far[1]] ELSE ARRAY[so_far[1], 0] END
$$;
CREATE AGGREGATE points_spend(points bigint, can_spend bigint, may_owe boolean) (
  SFUNC = points_spend_step, STYPE = bigint[], INITCOND = '{0,0}');

-- A sum that stays a bigint: sum(bigint) makes a numeric of every row and group. Too much is an error here as there.
CREATE AGGREGATE points_sum(bigint) (SFUNC = int8pl, STYPE = bigint, INITCOND = '0');

CREATE TYPE points_answer AS (seq bigint, outcome text, number integer, balance_after bigint);
CREATE TYPE points_debit AS (member_id bigint, currency_id smallint, number integer, spent_from bigint, spent_to bigint);
CREATE TYPE points_repeat AS (
  member_id bigint, currency_id smallint, event_key uuid, kind smallint, points bigint, occurred_on date, cause text, seq bigint);

-- Bring purses up to date that the caller has locked: free what was pending until p_open (it first pays what is owed), then book
-- the expiry of lots whose last day lies before the purse's p_good_from (NULL: none). Lots up to p_closed have expired already.
-- No purse's p_good_from is later than p_until, which leaves out the months of lots that can't be due before any is opened.
-- An expiry is booked on p_booked or, where that is NULL, like any fact: on its day or the first open date, whichever is later.
CREATE FUNCTION points_settle(
  p_member bigint[], p_currency smallint[], p_good_from date[], p_until date, p_closed date, p_open date, p_booked date,
  OUT points_released bigint, OUT lots_expired bigint, OUT points_expired bigint
) LANGUAGE plpgsql SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
  WITH waiting AS MATERIALIZED (
    SELECT b.member_id, b.currency_id, b.owed, b.pending, b.pending - (
             SELECT coalesce(sum(l.remaining), 0) FROM points_lot l
              WHERE l.member_id = b.member_id AND l.currency_id = b.currency_id
                AND l.expires_on > p_closed AND l.available_on > p_open
           )::bigint AS freed
      FROM unnest(p_member, p_currency) i(member_id, currency_id)
      JOIN points_purse b ON b.member_id = i.member_id AND b.currency_id = i.currency_id AND b.pending > 0),
  part AS MATERIALIZED (  -- a purse that owes has nothing available: whatever remains in its lots has just been freed
    SELECT w.member_id, w.currency_id, l.expires_on, l.number, least(l.remaining, w.owed - l.upto + l.remaining) AS points
      FROM waiting w
     CROSS JOIN LATERAL (SELECT expires_on, number, remaining, (sum(remaining) OVER (ORDER BY expires_on, number))::bigint AS upto
                           FROM points_lot WHERE member_id = w.member_id AND currency_id = w.currency_id
                            AND expires_on > p_closed AND available_on <= p_open AND remaining > 0) l
     WHERE w.owed > 0 AND w.freed > 0 AND l.upto - l.remaining < w.owed),
  lots AS (
    UPDATE points_lot l SET remaining = l.remaining - p.points FROM part p
     WHERE l.member_id = p.member_id AND l.currency_id = p.currency_id AND l.expires_on = p.expires_on AND l.number = p.number),
  allocations AS (
    INSERT INTO points_allocation (member_id, currency_id, debit_number, lot_expires_on, lot_number, points)
    SELECT member_id, currency_id, number, expires_on, number, points FROM part),
  balances AS (
    UPDATE points_purse b SET pending = b.pending - w.freed, available = greatest(b.available + w.freed - b.owed, 0),
           owed = greatest(b.owed - w.freed, 0)
      FROM waiting w WHERE w.freed > 0 AND b.member_id = w.member_id AND b.currency_id = w.currency_id)
  SELECT coalesce(sum(freed), 0) INTO points_released FROM waiting;

  WITH gone AS MATERIALIZED (  -- the purses are locked: nobody else moves their lots, so these stay where they were found
    SELECT l.tableoid AS part, l.ctid AS place, l.member_id, l.currency_id, l.expires_on, l.number AS lot, l.remaining,
           l.available_on > p_open AS pending,
           coalesce(p_booked, greatest(l.expires_on, p_open)) AS booked_on,
           (b.entries + row_number() OVER lots)::integer AS number,
           b.available + b.pending - b.owed - points_sum(l.remaining) OVER lots AS balance_after
      FROM unnest(p_member, p_currency, p_good_from) i(member_id, currency_id, good_from)
      JOIN points_purse b ON b.member_id = i.member_id AND b.currency_id = i.currency_id
      JOIN points_lot l ON l.member_id = i.member_id AND l.currency_id = i.currency_id
                       AND l.expires_on > p_closed AND l.expires_on < p_until AND l.expires_on < i.good_from AND l.remaining > 0
    WINDOW lots AS (PARTITION BY l.member_id, l.currency_id ORDER BY l.expires_on, l.number ROWS UNBOUNDED PRECEDING)),
  lots AS (
    UPDATE points_lot l SET expired = l.remaining, remaining = 0 FROM gone g
     WHERE l.expires_on > p_closed AND l.expires_on < p_until AND l.tableoid = g.part AND l.ctid = g.place),
  balances AS (
    UPDATE points_purse b
       SET available = b.available - g.points + g.pending, pending = b.pending - g.pending, expired = b.expired + g.points,
           entries = b.entries + g.lots, last_booked_on = greatest(b.last_booked_on, g.booked_on)
      FROM (SELECT member_id, currency_id, count(*) AS lots, points_sum(remaining) AS points, max(booked_on) AS booked_on,
                   points_sum(remaining) FILTER (WHERE pending) AS pending
              FROM gone GROUP BY member_id, currency_id) g
     WHERE b.member_id = g.member_id AND b.currency_id = g.currency_id),
  entries AS (
    INSERT INTO points_entry (member_id, currency_id, number, kind, points, balance_after, event_key, occurred_on, booked_on,
                              cause)
    SELECT member_id, currency_id, number, 4, -remaining, balance_after, md5('expire/' || lot)::uuid, expires_on, booked_on,
           'lot/' || lot
      FROM gone)
  SELECT count(*), coalesce(sum(remaining), 0) INTO lots_expired, points_expired FROM gone;
END $$;

-- Post a batch, credits and debits mixed, one item or a hundred thousand; one answer per item, in no order, seq counting from 1.
-- Booked on p_business_date, which must be closing, or (NULL) each on the later of its day and the first open date.
-- In a batch a purse takes its credits first, then pays its debits in the order given, from what is available when they are
-- booked, first to expire first. No step joins two streams of unknown size: that makes one generic plan safe for every size.
CREATE FUNCTION points_post(
  p_member bigint[], p_currency smallint[], p_key uuid[], p_kind smallint[], p_points bigint[], p_occurred date[], p_expires date[],
  p_available date[], p_cause text[], p_rule integer[], p_figures jsonb[], p_business_date date
) RETURNS SETOF points_answer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET work_mem = '64MB' AS $$
DECLARE
  never CONSTANT date := '9999-12-31';
  open_on date := bank_booking_date(); closed_through date;
  known smallint[] := ARRAY(SELECT id FROM points_pointcurrency);
  growth smallint[] := ARRAY(SELECT id FROM points_pointcurrency WHERE kind = 'growth');
  stale_members bigint[]; stale_currencies smallint[]; stale_good_from date[];
  answers points_answer[]; debits points_debit[]; repeats points_repeat[]; n_purses bigint; n_updated bigint; n_taken bigint;
BEGIN
  PERFORM points_check_closing(p_business_date);
  IF NOT p_currency <@ known THEN
    RAISE EXCEPTION 'a point currency is unknown' USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_currency_known';
  END IF;
  IF 4 = ANY (p_kind) THEN  -- points expire by their lots only
    RAISE EXCEPTION 'expire is not posted' USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_kind_known';
  END IF;
  SELECT coalesce(max(date), '-infinity') INTO closed_through FROM jobs_businessdate WHERE status = 'closed';
  PERFORM points_ensure_partitions(month, month)
     FROM (SELECT DISTINCT date_trunc('month', e)::date AS month FROM unnest(p_expires) e WHERE e < never) m
    WHERE to_regclass('points_lot_' || to_char(month, 'YYYYMM')) IS NULL;

  -- 1. Open the purses that are missing, then lock every purse of the batch, always in the same order. The next statement sees
  --    what earlier holders committed. Purses with pending points or, before a debit, with lapsed lots are brought up to date.
  INSERT INTO points_purse (member_id, currency_id)
  SELECT i.member_id, i.currency_id
    FROM (SELECT DISTINCT member_id, currency_id FROM unnest(p_member, p_currency) p(member_id, currency_id)
           WHERE NOT EXISTS (SELECT FROM points_purse b WHERE b.member_id = p.member_id AND b.currency_id = p.currency_id)) i
    JOIN members_member m ON m.id = i.member_id AND m.status = 'active'
   ORDER BY i.member_id, i.currency_id
      ON CONFLICT DO NOTHING;
  WITH locked AS (
    SELECT b.member_id, b.currency_id, b.pending, i.good_from
      FROM (SELECT member_id, currency_id,
                   max(coalesce(p_business_date, greatest(occurred_on, open_on))) FILTER (WHERE points < 0) AS good_from
              FROM unnest(p_member, p_currency, p_points, p_occurred) p(member_id, currency_id, points, occurred_on)
             GROUP BY member_id, currency_id ORDER BY member_id, currency_id) i
      JOIN points_purse b ON b.member_id = i.member_id AND b.currency_id = i.currency_id
     ORDER BY i.member_id, i.currency_id FOR NO KEY UPDATE OF b)
  SELECT array_agg(member_id), array_agg(currency_id), array_agg(good_from)
    INTO stale_members, stale_currencies, stale_good_from
    FROM locked WHERE pending > 0 OR good_from > closed_through + 1;
  IF stale_members IS NOT NULL THEN
    PERFORM points_settle(stale_members, stale_currencies, stale_good_from, (SELECT max(d) FROM unnest(stale_good_from) d),
                          closed_through, open_on, NULL);
  END IF;

  -- 2. Decide every item, then write the entries, the lots of credits and the balances. An item goes one way: a credit `pays` at
  --    once, `waits` or has `lapsed`; a `debit`; or, with nothing to decide, its outcome. What only is written down (cause, rule,
  --    figures) isn't carried through the sorts but taken from its array by seq: PL/pgSQL keeps its arrays expanded.
  WITH item AS (
    SELECT i.*, b.available, b.owed, b.available + b.pending - b.owed AS balance, b.entries,
           e.number AS old_number, e.balance_after AS old_balance,
           CASE WHEN e.number IS NOT NULL AND (e.kind, e.points, e.occurred_on, e.cause)
                                              IS DISTINCT FROM (i.kind, i.points, i.occurred_on, p_cause[i.seq]) THEN 'conflict'
                WHEN e.number IS NOT NULL THEN 'duplicate'
                WHEN b.member_id IS NULL OR m.status IS DISTINCT FROM 'active' THEN 'unknown_purse'
                WHEN i.points < 0 AND i.kind IN (3, 8) AND b.frozen THEN 'frozen'
                WHEN i.repeat > 1 THEN 'repeat'
                WHEN i.points < 0 AND i.kind NOT IN (5, 7) AND i.currency_id = ANY (growth) THEN 'insufficient'  -- never spent
                WHEN i.points < 0 THEN 'debit'
                WHEN i.currency_id = ANY (growth) THEN 'pays'
                WHEN i.expires_on < i.booked_on THEN 'lapsed'
                WHEN i.available_on > open_on THEN 'waits'
                ELSE 'pays' END AS way
      FROM (SELECT member_id, currency_id, event_key, kind, points, points < 0 AS is_debit, occurred_on, seq,
                   coalesce(expires_on, never) AS expires_on, coalesce(available_on, least(occurred_on, open_on)) AS available_on,
                   coalesce(p_business_date, greatest(occurred_on, open_on)) AS booked_on,
                   row_number() OVER (PARTITION BY member_id, currency_id, event_key ORDER BY seq) AS repeat  -- and so sorted
              FROM unnest(p_member, p_currency, p_key, p_kind, p_points, p_occurred, p_expires, p_available)
                   WITH ORDINALITY AS u(member_id, currency_id, event_key, kind, points, occurred_on, expires_on, available_on,
                                        seq)) i
      LEFT JOIN points_purse b ON b.member_id = i.member_id AND b.currency_id = i.currency_id
      LEFT JOIN members_member m ON m.id = i.member_id
      LEFT JOIN points_entry e ON e.member_id = i.member_id AND e.currency_id = i.currency_id AND e.event_key = i.event_key),
  credited AS (           -- in_order: a purse's credits first, then its debits, both in the order given
    SELECT *, points_sum(points) FILTER (WHERE way = 'pays') OVER in_order AS credits
      FROM item WINDOW in_order AS (PARTITION BY member_id, currency_id ORDER BY is_debit, seq ROWS UNBOUNDED PRECEDING)),
  weighed AS (
    SELECT *, points_spend(-points, available + greatest(credits - owed, 0), kind = 5)
                FILTER (WHERE way = 'debit') OVER in_order AS spent
      FROM credited WINDOW in_order AS (PARTITION BY member_id, currency_id ORDER BY is_debit, seq ROWS UNBOUNDED PRECEDING)),
  decided AS (
    SELECT *, way IN ('pays', 'waits', 'lapsed') OR way = 'debit' AND (kind = 5 OR spent[2] = -points) AS posted,
           CASE WHEN way = 'pays' THEN least(points, greatest(owed - credits + points, 0)) ELSE 0 END AS owed_paid FROM weighed),
  booked AS MATERIALIZED (  -- a credit that has lapsed takes two numbers: its own and its expiry's
    SELECT *, (entries + sum(CASE WHEN way = 'lapsed' THEN 2 ELSE 1 END) FILTER (WHERE posted) OVER in_order
               - CASE WHEN way = 'lapsed' THEN 1 ELSE 0 END)::integer AS number,
           balance + points_sum(points) FILTER (WHERE posted AND way <> 'lapsed') OVER in_order
           + CASE WHEN way = 'lapsed' THEN points ELSE 0 END AS balance_after
      FROM decided WINDOW in_order AS (PARTITION BY member_id, currency_id ORDER BY is_debit, seq ROWS UNBOUNDED PRECEDING)),
  written AS (
    INSERT INTO points_entry (member_id, currency_id, number, kind, points, balance_after, event_key, occurred_on, booked_on,
                              cause, rule_version_id, figures)
    SELECT member_id, currency_id, number, kind, points, balance_after, event_key, occurred_on, booked_on,
           p_cause[seq], p_rule[seq], p_figures[seq]
      FROM booked WHERE posted
     UNION ALL
    SELECT member_id, currency_id, number + 1, 4, -points, balance_after - points, md5('expire/' || number)::uuid, expires_on,
           booked_on, 'lot/' || number, NULL, NULL
      FROM booked WHERE way = 'lapsed'),
  lots AS (
    INSERT INTO points_lot (member_id, currency_id, expires_on, number, points, remaining, expired, available_on)
    SELECT member_id, currency_id, expires_on, number, points, CASE WHEN way = 'lapsed' THEN 0 ELSE points - owed_paid END,
           CASE WHEN way = 'lapsed' THEN points ELSE 0 END, available_on
      FROM booked WHERE posted AND points > 0 AND currency_id <> ALL (growth)),
  paid AS (
    INSERT INTO points_allocation (member_id, currency_id, debit_number, lot_expires_on, lot_number, points)
    SELECT member_id, currency_id, number, expires_on, number, owed_paid
      FROM booked WHERE owed_paid > 0 AND currency_id <> ALL (growth)),
  change AS MATERIALIZED (
    SELECT member_id, currency_id, min(entries) AS entries, max(booked_on) AS booked_on,
           sum(CASE WHEN way = 'lapsed' THEN 2 ELSE 1 END) AS written,
           points_sum(points) FILTER (WHERE points > 0) AS credits, -points_sum(points) FILTER (WHERE points < 0) AS debits,
           points_sum(points) FILTER (WHERE way = 'lapsed') AS lapsed, points_sum(points) FILTER (WHERE way = 'waits') AS waiting,
           points_sum(owed_paid) AS owed_paid, max(spent[1]) AS spent
      FROM booked WHERE posted GROUP BY member_id, currency_id),
  balances AS (
    UPDATE points_purse b
       SET available = b.available + c.credits - c.lapsed - c.waiting - c.owed_paid - c.spent, pending = b.pending + c.waiting,
           owed = b.owed - c.owed_paid + c.debits - c.spent, credited = b.credited + c.credits, debited = b.debited + c.debits,
           expired = b.expired + c.lapsed, entries = b.entries + c.written, last_booked_on = greatest(b.last_booked_on, c.booked_on)
      FROM change c WHERE b.member_id = c.member_id AND b.currency_id = c.currency_id AND b.entries = c.entries RETURNING 1)
  SELECT array_agg(ROW(seq, CASE WHEN posted THEN 'posted' WHEN way = 'debit' THEN 'insufficient' ELSE way END,
                       CASE WHEN posted THEN number WHEN way = 'duplicate' THEN old_number END,
                       CASE WHEN posted THEN balance_after WHEN way = 'duplicate' THEN old_balance END)::points_answer)
           FILTER (WHERE way <> 'repeat'),
         array_agg(ROW(member_id, currency_id, event_key, kind, points, occurred_on, p_cause[seq], seq)::points_repeat)
           FILTER (WHERE way = 'repeat'),
         array_agg(ROW(member_id, currency_id, number, spent[1] - spent[2], spent[1])::points_debit)
           FILTER (WHERE posted AND way = 'debit' AND spent[2] > 0 AND currency_id <> ALL (growth)),
         sum(spent[2]) FILTER (WHERE posted AND way = 'debit' AND currency_id <> ALL (growth)),
         (SELECT count(*) FROM change), (SELECT count(*) FROM balances)
    INTO answers, repeats, debits, n_taken, n_purses, n_updated
    FROM booked;
  IF n_updated <> n_purses THEN           -- a purse was opened between 1 and 2
    RAISE EXCEPTION 'a purse has changed, post again' USING ERRCODE = 'serialization_failure';
  END IF;

  -- 3. Take the debits from the lots, first to expire first. Most batches have none.
  IF debits IS NOT NULL THEN
    WITH part AS MATERIALIZED (
      SELECT d.member_id, d.currency_id, d.number AS debit, l.expires_on, l.number,
             least(l.upto, d.spent_to) - greatest(l.upto - l.remaining, d.spent_from) AS points
        FROM unnest(debits) d
       CROSS JOIN LATERAL (SELECT expires_on, number, remaining, (sum(remaining) OVER (ORDER BY expires_on, number))::bigint AS upto
                             FROM points_lot WHERE member_id = d.member_id AND currency_id = d.currency_id
                              AND expires_on > closed_through AND available_on <= open_on AND remaining > 0) l
       WHERE l.upto > d.spent_from AND l.upto - l.remaining < d.spent_to),
    lots AS (
      UPDATE points_lot l SET remaining = l.remaining - p.points
        FROM (SELECT member_id, currency_id, expires_on, number, sum(points)::bigint AS points
                FROM part GROUP BY member_id, currency_id, expires_on, number) p
       WHERE l.member_id = p.member_id AND l.currency_id = p.currency_id AND l.expires_on = p.expires_on AND l.number = p.number),
    allocations AS (
      INSERT INTO points_allocation (member_id, currency_id, debit_number, lot_expires_on, lot_number, points)
      SELECT member_id, currency_id, debit, expires_on, number, points FROM part)
    SELECT n_taken - coalesce(sum(points), 0) INTO n_taken FROM part;
    IF n_taken <> 0 THEN
      RAISE EXCEPTION 'lots and balance disagree by % points', n_taken USING ERRCODE = 'data_corrupted';
    END IF;
  END IF;

  -- 4. Answer; a key that came again in the batch answers as if the first item had come long before.
  IF repeats IS NOT NULL THEN
    answers := answers || ARRAY(
      SELECT ROW(r.seq, CASE WHEN e.number IS NULL THEN 'insufficient' WHEN same THEN 'duplicate' ELSE 'conflict' END,
                 CASE WHEN same THEN e.number END, CASE WHEN same THEN e.balance_after END)::points_answer
        FROM unnest(repeats) r
        LEFT JOIN points_entry e ON e.member_id = r.member_id AND e.currency_id = r.currency_id AND e.event_key = r.event_key
       CROSS JOIN LATERAL (
         SELECT (e.kind, e.points, e.occurred_on, e.cause) = (r.kind, r.points, r.occurred_on, r.cause) AS same) s);
  END IF;
  RETURN QUERY SELECT * FROM unnest(answers);
END $$;

-- Expire every lot of the members p_first..p_last whose last day is p_as_of or earlier, booked on p_as_of, which must be closing.
-- Only purses that have due lots are locked, in order, and only those are touched: else two chunks could wait for each other.
CREATE FUNCTION points_lapse(p_as_of date, p_first bigint, p_last bigint, OUT purses bigint, OUT lots bigint, OUT points bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE open_on date := bank_booking_date(); closed_through date; due_members bigint[]; due_currencies smallint[];
BEGIN
  PERFORM points_check_closing(p_as_of);
  SELECT coalesce(max(date), '-infinity') INTO closed_through FROM jobs_businessdate WHERE status = 'closed';
  SELECT array_agg(member_id), array_agg(currency_id), count(*) INTO due_members, due_currencies, purses
    FROM (SELECT b.member_id, b.currency_id FROM points_purse b
           WHERE b.member_id BETWEEN p_first AND p_last AND (b.member_id, b.currency_id) IN (
                 SELECT l.member_id, l.currency_id FROM points_lot l
                  WHERE l.member_id BETWEEN p_first AND p_last AND l.remaining > 0
                    AND l.expires_on > closed_through AND l.expires_on <= p_as_of)
           ORDER BY b.member_id, b.currency_id FOR NO KEY UPDATE OF b) due;
  lots := 0; points := 0;
  IF purses > 0 THEN
    SELECT s.lots_expired, s.points_expired INTO lots, points
      FROM points_settle(due_members, due_currencies, array_fill(p_as_of + 1, ARRAY[purses::integer]),
                         p_as_of + 1, closed_through, open_on, p_as_of) s;
  END IF;
END $$;

-- Free the pending points of the members p_first..p_last that are available on the date last opened: the day after p_as_of, which
-- must be closing.
CREATE FUNCTION points_release(p_as_of date, p_first bigint, p_last bigint, OUT purses bigint, OUT points bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE open_on date := bank_booking_date(); closed_through date; due_members bigint[]; due_currencies smallint[];
BEGIN
  PERFORM points_check_closing(p_as_of);
  SELECT coalesce(max(date), '-infinity') INTO closed_through FROM jobs_businessdate WHERE status = 'closed';
  SELECT array_agg(member_id), array_agg(currency_id), count(*) INTO due_members, due_currencies, purses
    FROM (SELECT b.member_id, b.currency_id FROM points_purse b
           WHERE b.member_id BETWEEN p_first AND p_last AND b.pending > 0
           ORDER BY b.member_id, b.currency_id FOR NO KEY UPDATE OF b) due;
  points := 0;
  IF purses > 0 THEN
    SELECT s.points_released INTO points
      FROM points_settle(due_members, due_currencies, array_fill(NULL::date, ARRAY[purses::integer]),
                         NULL, closed_through, open_on, NULL) s;
  END IF;
END $$;

-- EXECUTE is PUBLIC's unless it is revoked; these functions act with the owner's rights.
REVOKE EXECUTE ON FUNCTION points_ensure_partitions, points_check_closing, points_settle, points_post, points_lapse, points_release
  FROM PUBLIC, runtime;
GRANT EXECUTE ON FUNCTION points_ensure_partitions, points_post, points_lapse, points_release TO runtime;
