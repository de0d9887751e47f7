-- The one door once more: a batch of plain credits is posted without a look-up (docs/adr/0001). All else is as 0005 made it.

-- Post a batch, credits and debits mixed, one item or a hundred thousand; one answer per item, in no order, seq counting from 1.
-- Booked on p_business_date, which must be closing, or (NULL) each on the later of its day and the first open date.
-- In a batch a purse takes its credits first, then what is clawed back of lots of their own, then its other debits, all in the order given
-- and from what is available when they are booked, first to expire first. A clawback takes the lot p_takes, p_expires (of the entry of
-- that number) first, pending or not; p_takes is NULL where no item does. No step joins two streams of unknown size: that makes one
-- generic plan safe for every size. A single post pays for every plan node of these statements, so what few batches need stands apart.
CREATE OR REPLACE FUNCTION points_post(
  p_member bigint[], p_currency smallint[], p_key uuid[], p_kind smallint[], p_points bigint[], p_occurred date[], p_expires date[],
  p_available date[], p_cause text[], p_rule integer[], p_figures jsonb[], p_takes integer[], p_business_date date
) RETURNS SETOF points_answer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET work_mem = '64MB' AS $$
DECLARE
  never CONSTANT date := '9999-12-31';
  open_on date := bank_booking_date(); closed_through date; known smallint[]; growth smallint[]; refusing smallint[];
  one record; one_booked_on date; is_plain boolean; month_missing boolean; is_stale boolean;
  stale_members bigint[]; stale_currencies smallint[]; stale_good_from date[];
  own bigint[]; own_waits boolean[]; reserved bigint[];
  answers points_answer[]; is_repeat boolean[]; rest points_rest[]; n_asked bigint; n_locked bigint; n_changed bigint;
  entries_before integer[]; balances_before bigint[]; new_seqs bigint[]; new_numbers integer[]; new_balances bigint[]; broken name;
BEGIN
  IF p_business_date IS NOT NULL THEN
    PERFORM points_check_closing(p_business_date);
  END IF;
  IF 4 = ANY (p_kind) THEN  -- points expire by their lots only
    RAISE EXCEPTION 'expire is not posted' USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_kind_known';
  END IF;

  -- 0. One plain posting to a purse that is open and waits for nothing, by far the commonest, goes through the steps below too, but by a
  --    few short statements: a single post pays for every plan node, and for every month of lots that a plan may meet. Whatever isn't
  --    plain goes on as if nothing had been done.
  IF cardinality(p_key) = 1 AND p_takes IS NULL THEN
    one_booked_on := coalesce(p_business_date, greatest(p_occurred[1], open_on));
    SELECT b.available, b.available + b.held + p_points[1] AS balance, b.entries + 1 AS number, b.frozen, c.kind = 'reward' AS has_lots INTO one
      FROM points_purse b
      JOIN members_member m ON m.id = b.member_id AND m.status = 'active'
      JOIN points_pointcurrency c ON c.id = b.currency_id
     WHERE b.member_id = p_member[1] AND b.currency_id = p_currency[1] AND b.pending = 0 AND b.owed = 0
       FOR NO KEY UPDATE OF b;
    IF NOT FOUND THEN
      is_plain := false;
    ELSIF p_points[1] > 0 THEN
      is_plain := NOT one.has_lots OR (p_expires[1] >= one_booked_on AND p_available[1] <= open_on) IS NOT FALSE
        AND to_regclass('points_lot_' || CASE WHEN p_expires[1] < never THEN to_char(p_expires[1], 'YYYYMM') ELSE 'never' END) IS NOT NULL;
    ELSE
      SELECT coalesce(max(date), '-infinity') INTO closed_through FROM jobs_businessdate WHERE status = 'closed';
      is_plain := one.has_lots AND one.available >= -p_points[1] AND one_booked_on <= closed_through + 1 AND NOT (one.frozen AND p_kind[1] IN (3, 8));
    END IF;
    IF is_plain THEN
      INSERT INTO points_entry (member_id, currency_id, number, kind, points, balance_after, event_key, occurred_on, booked_on, cause,
                                rule_version_id, figures)
      VALUES (p_member[1], p_currency[1], one.number, p_kind[1], p_points[1], one.balance, p_key[1], p_occurred[1], one_booked_on, p_cause[1],
              p_rule[1], p_figures[1])
          ON CONFLICT (member_id, currency_id, event_key) DO NOTHING;
      IF FOUND THEN
        IF p_points[1] < 0 THEN
          PERFORM points_take_lots_of_one(p_member[1], p_currency[1], one.number, -p_points[1], closed_through, open_on);
        ELSIF one.has_lots THEN
          INSERT INTO points_lot (member_id, currency_id, expires_on, number, points, remaining, available_on)
          VALUES (p_member[1], p_currency[1], coalesce(p_expires[1], never), one.number, p_points[1], p_points[1],
                  coalesce(p_available[1], least(p_occurred[1], open_on)));
        END IF;
        UPDATE points_purse b SET available = b.available + p_points[1], credited = b.credited + greatest(p_points[1], 0),
               debited = b.debited + greatest(-p_points[1], 0), entries = one.number, last_booked_on = greatest(b.last_booked_on, one_booked_on)
         WHERE b.member_id = p_member[1] AND b.currency_id = p_currency[1];
        RETURN NEXT ROW(1, 'posted', one.number, one.balance)::points_answer;
        RETURN;
      END IF;
    END IF;
  END IF;

  -- Where a debit is booked on a later day than the open one, what its own batch credits until before that day must not pay it: the credits
  -- are posted, then the debits, as if sent one after the other. All their purses are locked first, in the order of their keys.
  IF cardinality(p_key) > 1 AND p_business_date IS NULL
     AND (SELECT max(occurred_on) FILTER (WHERE points < 0) > greatest(open_on, min(expires_on) FILTER (WHERE points > 0))
                 AND min(expires_on) FILTER (WHERE points > 0) IS NOT NULL
            FROM unnest(p_points, p_occurred, p_expires) u(points, occurred_on, expires_on)) THEN
    PERFORM points_lock(p_member, p_currency);
    DECLARE is_debit boolean; half bigint[];
    BEGIN
      FOREACH is_debit IN ARRAY ARRAY[false, true] LOOP
        half := ARRAY(SELECT seq FROM unnest(p_points) WITH ORDINALITY u(points, seq) WHERE (points < 0) = is_debit ORDER BY seq);
        RETURN QUERY
        SELECT half[a.seq], a.outcome, a.number, a.balance_after
          FROM points_post(
            ARRAY(SELECT p_member[s] FROM unnest(half) s), ARRAY(SELECT p_currency[s] FROM unnest(half) s),
            ARRAY(SELECT p_key[s] FROM unnest(half) s), ARRAY(SELECT p_kind[s] FROM unnest(half) s),
            ARRAY(SELECT p_points[s] FROM unnest(half) s), ARRAY(SELECT p_occurred[s] FROM unnest(half) s),
            ARRAY(SELECT p_expires[s] FROM unnest(half) s), ARRAY(SELECT p_available[s] FROM unnest(half) s),
            ARRAY(SELECT p_cause[s] FROM unnest(half) s), ARRAY(SELECT p_rule[s] FROM unnest(half) s),
            ARRAY(SELECT p_figures[s] FROM unnest(half) s),
            CASE WHEN p_takes IS NOT NULL THEN ARRAY(SELECT p_takes[s] FROM unnest(half) s) END, NULL) a;
      END LOOP;
      RETURN;
    END;
  END IF;

  -- 1. What stands: the currencies, the last closed date, whether a month of lots is missing.
  SELECT c.known, coalesce(c.growth, '{}'), coalesce(c.refusing, '{}'),
         coalesce((SELECT max(date) FROM jobs_businessdate WHERE status = 'closed'), '-infinity'),
         EXISTS (SELECT FROM (SELECT DISTINCT e FROM unnest(p_expires) e WHERE e < never OFFSET 0) d
                  WHERE to_regclass('points_lot_' || to_char(e, 'YYYYMM')) IS NULL)
    INTO known, growth, refusing, closed_through, month_missing
    FROM (SELECT array_agg(id) AS known, array_agg(id) FILTER (WHERE kind = 'growth') AS growth,
                 array_agg(id) FILTER (WHERE shortfall = 'refuse') AS refusing FROM points_pointcurrency) c;
  IF NOT p_currency <@ known THEN
    RAISE EXCEPTION 'a point currency is unknown' USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_currency_known';
  END IF;
  IF month_missing THEN
    PERFORM points_ensure_partitions(month, month)
       FROM (SELECT DISTINCT date_trunc('month', e)::date AS month FROM unnest(p_expires) e WHERE e < never) m;
  END IF;

  -- 1b. A batch of plain credits to purses that are open, owe nothing and wait for nothing, which most of a night is, goes through the steps
  --     below too, but with nothing to decide: its purses are locked and raised at once, in the order of their keys, and no key is looked
  --     up but the first, which tells a batch that comes again. Any other that was posted before runs against its constraint; then, or
  --     where a purse has changed meanwhile, all this is undone, and the batch goes on as if nothing had been done.
  IF cardinality(p_key) > 1 AND p_takes IS NULL
     AND (SELECT bool_and(points > 0 AND (available_on > open_on
                                          OR expires_on < coalesce(p_business_date, greatest(occurred_on, open_on))) IS NOT TRUE)
            FROM unnest(p_points, p_occurred, p_expires, p_available) u(points, occurred_on, expires_on, available_on))
     AND NOT EXISTS (SELECT FROM points_entry e
                      WHERE e.member_id = p_member[1] AND e.currency_id = p_currency[1] AND e.event_key = p_key[1]) THEN
    BEGIN
      WITH asked AS MATERIALIZED (
        SELECT member_id, currency_id, count(*)::integer AS items, points_sum(points) AS points,
               max(coalesce(p_business_date, greatest(occurred_on, open_on))) AS booked_on
          FROM unnest(p_member, p_currency, p_points, p_occurred) p(member_id, currency_id, points, occurred_on)
         GROUP BY member_id, currency_id ORDER BY member_id, currency_id),
      raised AS (
        UPDATE points_purse b
           SET available = b.available + i.points, credited = b.credited + i.points, entries = b.entries + i.items,
               last_booked_on = greatest(b.last_booked_on, i.booked_on)
          FROM asked i
         WHERE b.member_id = i.member_id AND b.currency_id = i.currency_id AND b.pending = 0 AND b.owed = 0
           AND NOT EXISTS (
             SELECT FROM asked a
               LEFT JOIN points_purse p ON p.member_id = a.member_id AND p.currency_id = a.currency_id
               LEFT JOIN members_member m ON m.id = a.member_id
              WHERE (p.pending = 0 AND p.owed = 0 AND m.status = 'active') IS NOT TRUE)
        RETURNING b.member_id, b.currency_id, b.entries - i.items AS entries, b.available + b.held - i.points AS balance)
      SELECT count(*), (SELECT count(*) FROM asked), array_agg(entries ORDER BY member_id, currency_id),
             array_agg(balance ORDER BY member_id, currency_id)
        INTO n_locked, n_asked, entries_before, balances_before
        FROM raised;
      IF n_locked < n_asked THEN
        RAISE EXCEPTION 'not plain';
      END IF;
      WITH booked AS MATERIALIZED (  -- `place` is that of an item's purse in what the last statement gave
        SELECT seq, member_id, currency_id, points, coalesce(p_business_date, greatest(p_occurred[seq], open_on)) AS booked_on,
               entries_before[place] + turn AS number, balances_before[place] + upto AS balance_after
          FROM (SELECT *, dense_rank() OVER (ORDER BY member_id, currency_id) AS place,
                       (row_number() OVER in_order)::integer AS turn, points_sum(points) OVER in_order AS upto
                  FROM unnest(p_member, p_currency, p_points) WITH ORDINALITY AS u(member_id, currency_id, points, seq)
                WINDOW in_order AS (PARTITION BY member_id, currency_id ORDER BY seq ROWS UNBOUNDED PRECEDING)) i),
      written AS (
        INSERT INTO points_entry (member_id, currency_id, number, kind, points, balance_after, event_key, occurred_on, booked_on,
                                  cause, rule_version_id, figures)
        SELECT member_id, currency_id, number, p_kind[seq], points, balance_after, p_key[seq], p_occurred[seq], booked_on,
               p_cause[seq], p_rule[seq], p_figures[seq]
          FROM booked),
      lots AS (
        INSERT INTO points_lot (member_id, currency_id, expires_on, number, points, remaining, available_on)
        SELECT member_id, currency_id, coalesce(p_expires[seq], never), number, points, points,
               coalesce(p_available[seq], least(p_occurred[seq], open_on))
          FROM booked WHERE currency_id <> ALL (growth))
      SELECT array_agg(seq), array_agg(number), array_agg(balance_after) INTO new_seqs, new_numbers, new_balances FROM booked;
      RETURN QUERY
      SELECT a.seq, 'posted', a.number, a.balance_after
        FROM unnest(new_seqs, new_numbers, new_balances) a(seq, number, balance_after);
      RETURN;
    EXCEPTION
      WHEN raise_exception THEN
        NULL;
      WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
        IF broken <> 'entry_once_per_event_key' THEN
          RAISE;
        END IF;
    END;
  END IF;

  -- 2. Lock every purse of the batch, always in the same order, then open those that are missing, in that order too. The next statement
  --    sees what earlier holders committed. A purse that somebody else opens meanwhile is not waited for once more, since whoever holds it
  --    may wait for us: all is posted again. Purses with pending points or, before a debit, with lapsed lots are brought up to date.
  WITH asked AS MATERIALIZED (
    SELECT member_id, currency_id,
           max(coalesce(p_business_date, greatest(occurred_on, open_on))) FILTER (WHERE points < 0) AS good_from
      FROM unnest(p_member, p_currency, p_points, p_occurred) p(member_id, currency_id, points, occurred_on)
     GROUP BY member_id, currency_id ORDER BY member_id, currency_id),
  locked AS (
    SELECT b.pending, i.good_from
      FROM asked i JOIN points_purse b ON b.member_id = i.member_id AND b.currency_id = i.currency_id
     ORDER BY i.member_id, i.currency_id FOR NO KEY UPDATE OF b)
  SELECT count(*), (SELECT count(*) FROM asked), bool_or(pending > 0 OR good_from > closed_through + 1)
    INTO n_locked, n_asked, is_stale
    FROM locked;
  IF n_locked < n_asked THEN
    WITH asked AS MATERIALIZED (
      SELECT i.member_id, i.currency_id, b.member_id IS NULL AS is_missing
        FROM (SELECT DISTINCT member_id, currency_id FROM unnest(p_member, p_currency) p(member_id, currency_id)) i
        LEFT JOIN points_purse b ON b.member_id = i.member_id AND b.currency_id = i.currency_id),
    missing AS MATERIALIZED (
      SELECT a.member_id, a.currency_id FROM asked a JOIN members_member m ON m.id = a.member_id AND m.status = 'active' WHERE a.is_missing),
    opened AS (
      INSERT INTO points_purse (member_id, currency_id) SELECT member_id, currency_id FROM missing ORDER BY member_id, currency_id
          ON CONFLICT DO NOTHING RETURNING 1)
    SELECT abs((SELECT count(*) FROM asked WHERE NOT is_missing) - n_locked)
           + (SELECT count(*) FROM missing) - (SELECT count(*) FROM opened) INTO n_changed;
    IF n_changed <> 0 THEN
      RAISE EXCEPTION 'a purse was opened meanwhile, post again' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;
  IF is_stale THEN
    SELECT array_agg(b.member_id), array_agg(b.currency_id), array_agg(i.good_from)
      INTO stale_members, stale_currencies, stale_good_from
      FROM (SELECT member_id, currency_id,
                   max(coalesce(p_business_date, greatest(occurred_on, open_on))) FILTER (WHERE points < 0) AS good_from
              FROM unnest(p_member, p_currency, p_points, p_occurred) p(member_id, currency_id, points, occurred_on)
             GROUP BY member_id, currency_id) i
      JOIN points_purse b ON b.member_id = i.member_id AND b.currency_id = i.currency_id
     WHERE b.pending > 0 OR i.good_from > closed_through + 1;
    PERFORM points_settle(stale_members, stale_currencies, stale_good_from, (SELECT max(d) FROM unnest(stale_good_from) d),
                          closed_through, open_on, NULL);
  END IF;
  IF p_takes IS NOT NULL THEN
    SELECT o.own, o.own_waits, o.reserved INTO own, own_waits, reserved
      FROM points_own_lots(p_member, p_currency, p_key, p_kind, p_points, p_expires, p_takes, open_on) o;
  END IF;

  -- 3. Decide every item, then write the entries, the lots of credits and the balances. An item goes one way: a credit `pays` at
  --    once, `waits` or has `lapsed`; a `debit`; or, with nothing to decide, its outcome. What needs no deciding isn't carried along but
  --    taken from its array by seq where it is written: PL/pgSQL keeps its arrays expanded. One sort serves look-ups and windows.
  IF cardinality(p_key) > (SELECT count(DISTINCT k) FROM unnest(p_key) k) THEN
    is_repeat := ARRAY(SELECT place > 1 FROM (SELECT seq, row_number() OVER (PARTITION BY member_id, currency_id, event_key ORDER BY seq) AS place
                                                FROM unnest(p_member, p_currency, p_key) WITH ORDINALITY AS u(member_id, currency_id, event_key, seq)) r
                        ORDER BY seq);
  END IF;
  WITH item AS (
    SELECT i.*, b.available, b.owed, b.available + b.pending + b.held - b.owed AS balance, b.entries,
           e.number AS old_number, e.balance_after AS old_balance,
           CASE WHEN e.number IS NOT NULL AND (e.kind, e.points, e.occurred_on, e.cause)
                                              IS DISTINCT FROM (p_kind[seq], i.points, p_occurred[seq], p_cause[seq]) THEN 'conflict'
                WHEN e.number IS NOT NULL THEN 'duplicate'
                WHEN b.member_id IS NULL OR m.status IS DISTINCT FROM 'active' THEN 'unknown_purse'
                WHEN i.points < 0 AND p_kind[seq] IN (3, 8) AND b.frozen THEN 'frozen'
                WHEN is_repeat[seq] THEN 'repeat'
                WHEN i.points < 0 AND p_kind[seq] NOT IN (5, 7) AND i.currency_id = ANY (growth) THEN 'insufficient'  -- never spent
                WHEN i.points < 0 THEN 'debit'
                WHEN i.currency_id = ANY (growth) THEN 'pays'
                WHEN p_expires[seq] < i.booked_on THEN 'lapsed'
                WHEN p_available[seq] > open_on THEN 'waits'
                ELSE 'pays' END AS way
      FROM (SELECT seq, member_id, currency_id, points, turn, coalesce(p_business_date, greatest(p_occurred[seq], open_on)) AS booked_on,
                   kind = 5 AND currency_id <> ALL (refusing) AS may_owe
              FROM (SELECT *, CASE WHEN points > 0 THEN 0 WHEN own[seq] > 0 THEN 1 ELSE 2 END AS turn
                      FROM unnest(p_member, p_currency, p_points, p_kind) WITH ORDINALITY AS u(member_id, currency_id, points, kind, seq)) u
             ORDER BY member_id, currency_id, turn, seq) i
      LEFT JOIN points_purse b ON b.member_id = i.member_id AND b.currency_id = i.currency_id
      LEFT JOIN members_member m ON m.id = i.member_id
      LEFT JOIN points_entry e ON e.member_id = i.member_id AND e.currency_id = i.currency_id AND e.event_key = p_key[seq]),
  credited AS (  -- a credit that has lapsed takes two numbers: its own and its expiry's
    SELECT *, points_sum(CASE WHEN way = 'pays' THEN points ELSE 0 END) OVER in_order AS paying,
           points_sum(CASE WHEN way IN ('pays', 'waits') THEN points ELSE 0 END) OVER in_order AS credits,
           sum(CASE way WHEN 'pays' THEN 1 WHEN 'waits' THEN 1 WHEN 'lapsed' THEN 2 ELSE 0 END) OVER in_order AS numbers
      FROM item WINDOW in_order AS (PARTITION BY member_id, currency_id ORDER BY turn, seq ROWS UNBOUNDED PRECEDING)),
  weighed AS (
    SELECT *, points_spend(-points, coalesce(own[seq], 0), available + greatest(paying - owed, 0) - coalesce(reserved[seq], 0), may_owe)
                FILTER (WHERE way = 'debit') OVER in_order AS spent
      FROM credited WINDOW in_order AS (PARTITION BY member_id, currency_id ORDER BY turn, seq ROWS UNBOUNDED PRECEDING)),
  booked AS MATERIALIZED (
    SELECT seq, member_id, currency_id, points, booked_on, way, entries, old_number, old_balance, spent,
           way IN ('pays', 'waits', 'lapsed') OR way = 'debit' AND (may_owe OR spent[2] = -points - coalesce(own[seq], 0)) AS posted,
           CASE WHEN way = 'pays' THEN least(points, greatest(owed - paying + points, 0)) ELSE 0 END AS owed_paid,
           (entries + numbers - CASE WHEN way = 'lapsed' THEN 1 ELSE 0 END + coalesce(spent[3], 0))::integer AS number,
           balance + credits + CASE WHEN way = 'lapsed' THEN points ELSE 0 END - coalesce(spent[4], 0) AS balance_after
      FROM weighed),
  written AS (
    INSERT INTO points_entry (member_id, currency_id, number, kind, points, balance_after, event_key, occurred_on, booked_on,
                              cause, rule_version_id, figures)
    SELECT member_id, currency_id, number, p_kind[seq], points, balance_after, p_key[seq], p_occurred[seq], booked_on,
           p_cause[seq], p_rule[seq], p_figures[seq]
      FROM booked WHERE posted),
  lots AS (
    INSERT INTO points_lot (member_id, currency_id, expires_on, number, points, remaining, expired, available_on)
    SELECT member_id, currency_id, coalesce(p_expires[seq], never), number, points,
           CASE WHEN way = 'lapsed' THEN 0 ELSE points - owed_paid END, CASE WHEN way = 'lapsed' THEN points ELSE 0 END,
           coalesce(p_available[seq], least(p_occurred[seq], open_on))
      FROM booked WHERE posted AND points > 0 AND currency_id <> ALL (growth)),
  change AS MATERIALIZED (
    SELECT member_id, currency_id, min(entries) AS entries, max(booked_on) AS booked_on,
           sum(CASE WHEN way = 'lapsed' THEN 2 ELSE 1 END) AS written,
           points_sum(greatest(points, 0)) AS credits, points_sum(greatest(-points, 0)) AS debits,
           points_sum(CASE WHEN way = 'lapsed' THEN points ELSE 0 END) AS lapsed,
           points_sum(CASE WHEN way = 'waits' THEN points ELSE 0 END) AS waiting,
           points_sum(owed_paid) AS owed_paid, coalesce(max(spent[1]), 0) AS spent,
           points_sum(CASE WHEN own_waits[seq] THEN own[seq] ELSE 0 END) AS own_pending,
           points_sum(CASE WHEN own_waits[seq] THEN 0 ELSE coalesce(own[seq], 0) END) AS own_available
      FROM booked WHERE posted GROUP BY member_id, currency_id),
  balances AS (
    UPDATE points_purse b
       SET available = b.available + c.credits - c.lapsed - c.waiting - c.owed_paid - c.spent - c.own_available,
           pending = b.pending + c.waiting - c.own_pending,
           owed = b.owed - c.owed_paid + c.debits - c.spent - c.own_available - c.own_pending,
           credited = b.credited + c.credits, debited = b.debited + c.debits, expired = b.expired + c.lapsed,
           entries = b.entries + c.written, last_booked_on = greatest(b.last_booked_on, c.booked_on)
      FROM change c WHERE b.member_id = c.member_id AND b.currency_id = c.currency_id AND b.entries = c.entries RETURNING 1)
  SELECT array_agg(ROW(seq, CASE WHEN posted THEN 'posted' WHEN way = 'debit' THEN 'insufficient' ELSE way END,
                       CASE WHEN posted THEN number WHEN way = 'duplicate' THEN old_number END,
                       CASE WHEN posted THEN balance_after WHEN way = 'duplicate' THEN old_balance END)::points_answer)
           FILTER (WHERE way <> 'repeat'),
         array_agg(ROW(seq, way, number, balance_after, booked_on, spent[1] - spent[2], spent[1], owed_paid)::points_rest)
           FILTER (WHERE posted AND (way IN ('debit', 'lapsed') OR owed_paid > 0) AND currency_id <> ALL (growth)),
         (SELECT count(*) FROM change) - (SELECT count(*) FROM balances)
    INTO answers, rest, n_changed
    FROM booked;
  IF n_changed <> 0 THEN                  -- a purse was opened between 2 and 3
    RAISE EXCEPTION 'a purse has changed, post again' USING ERRCODE = 'serialization_failure';
  END IF;

  -- 4. What few batches have: the expiry of a credit that has lapsed, what a credit paid of the debt, what debits took.
  IF rest IS NOT NULL THEN
    INSERT INTO points_entry (member_id, currency_id, number, kind, points, balance_after, event_key, occurred_on, booked_on, cause)
    SELECT p_member[seq], p_currency[seq], number + 1, 4, -p_points[seq], balance_after - p_points[seq],
           md5('expire/' || number)::uuid, p_expires[seq], booked_on, 'lot/' || number
      FROM unnest(rest) WHERE way = 'lapsed';
    INSERT INTO points_allocation (member_id, currency_id, debit_number, lot_expires_on, lot_number, points)
    SELECT p_member[seq], p_currency[seq], number, coalesce(p_expires[seq], never), number, owed_paid
      FROM unnest(rest) WHERE owed_paid > 0;
    IF own IS NOT NULL THEN
      PERFORM points_take_own_lots(p_member, p_currency, p_expires, p_takes, own, rest);
    END IF;
    PERFORM points_take_lots(p_member, p_currency, rest, closed_through, open_on);
  END IF;

  -- 5. Answer; a key that came again in the batch answers as if the first item had come long before.
  IF is_repeat IS NOT NULL THEN
    answers := answers || ARRAY(
      SELECT ROW(r.seq, CASE WHEN e.number IS NULL THEN 'insufficient' WHEN same THEN 'duplicate' ELSE 'conflict' END,
                 CASE WHEN same THEN e.number END, CASE WHEN same THEN e.balance_after END)::points_answer
        FROM unnest(is_repeat) WITH ORDINALITY AS r(is_repeat, seq)
        LEFT JOIN points_entry e
               ON e.member_id = p_member[r.seq] AND e.currency_id = p_currency[r.seq] AND e.event_key = p_key[r.seq]
       CROSS JOIN LATERAL (SELECT (e.kind, e.points, e.occurred_on, e.cause)
                                  = (p_kind[r.seq], p_points[r.seq], p_occurred[r.seq], p_cause[r.seq]) AS same) s
       WHERE r.is_repeat AND r.seq NOT IN (SELECT a.seq FROM unnest(answers) a));
  END IF;
  RETURN QUERY SELECT * FROM unnest(answers);
END $$;
