-- Two records of a person become one, or two again: all that one purse has, or what came to it by a merge, moves to the other's, lot by lot
-- with its dates (docs/merging.md). Both sides are booked in one statement each, under both locks, on one business date.

-- Move the points of p_from to p_to, in every currency, for the merge p_merge: all of them, or with p_back what this merge brought, as it is
-- now: the lots that were earned on the records p_family, and growth points less what was clawed back of theirs since. p_numbers are the
-- member numbers of the two.
-- Each lot is a debit here, from that lot only, and there a credit of the same day, last usable day and availability; growth points move by
-- the day they count on; what is owed moves as a credit that pays it here and a debit that is owed there. Each entry names its twin. A credit
-- pays what its purse owes, as ever; what came back once from a redemption keeps that mark. Refuses by name: merge_without_holds,
-- merge_without_freezes, undo_while_the_debt_stands.
CREATE FUNCTION points_merge(p_from bigint, p_to bigint, p_merge bigint, p_back boolean, p_family bigint[], p_numbers text[], p_on date)
RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
  never CONSTANT date := '9999-12-31';
  open_on date := bank_booking_date(); closed_through date; booked date; first_number integer; cause_here text; answer jsonb := '{}';
  purse record; other record; debt bigint; paid bigint; freed bigint; waiting bigint; came bigint; went bigint; items integer; taken bigint;
BEGIN
  booked := greatest(open_on, p_on);
  cause_here := CASE WHEN p_back THEN 'unmerge/' ELSE 'merge/' END || p_merge;
  SELECT coalesce(max(date), '-infinity') INTO closed_through FROM jobs_businessdate WHERE status = 'closed';
  PERFORM FROM points_purse WHERE member_id IN (p_from, p_to) ORDER BY member_id, currency_id FOR NO KEY UPDATE;
  INSERT INTO points_purse (member_id, currency_id) SELECT p_to, currency_id FROM points_purse WHERE member_id = p_from ORDER BY currency_id
      ON CONFLICT DO NOTHING;
  IF NOT p_back AND EXISTS (SELECT FROM points_purse WHERE member_id = p_from AND held > 0) THEN
    RAISE EXCEPTION 'a hold is open' USING ERRCODE = 'check_violation', CONSTRAINT = 'merge_without_holds';
  END IF;
  IF EXISTS (SELECT FROM points_purse WHERE member_id IN (p_from, p_to) AND frozen) THEN
    RAISE EXCEPTION 'a purse is frozen' USING ERRCODE = 'check_violation', CONSTRAINT = 'merge_without_freezes';
  END IF;
  PERFORM points_bring_up_to_date(array_agg(member_id), array_agg(currency_id), booked, closed_through, open_on)
     FROM points_purse WHERE member_id IN (p_from, p_to) HAVING count(*) > 0;

  FOR purse IN SELECT b.*, c.kind = 'growth' AS is_growth FROM points_purse b JOIN points_pointcurrency c ON c.id = b.currency_id
                WHERE b.member_id = p_from ORDER BY b.currency_id LOOP
    SELECT * INTO other FROM points_purse WHERE member_id = p_to AND currency_id = purse.currency_id;
    SELECT min(number) INTO first_number FROM points_entry
     WHERE member_id = p_from AND currency_id = purse.currency_id AND kind = 8 AND cause = 'merge/' || p_merge;
    CONTINUE WHEN p_back AND first_number IS NULL;
    -- What came with a debt goes back with it, as long as it is owed still.
    debt := CASE WHEN purse.is_growth THEN 0 WHEN NOT p_back THEN purse.owed ELSE (
      SELECT coalesce(-sum(points), 0) FROM points_entry
       WHERE member_id = p_from AND currency_id = purse.currency_id AND number >= first_number AND kind = 8
         AND cause = 'merge/' || p_merge AND figures ? 'owed') END;
    IF debt > purse.owed THEN
      RAISE EXCEPTION 'the debt is paid' USING ERRCODE = 'check_violation', CONSTRAINT = 'undo_while_the_debt_stands';
    END IF;

    -- 1. What moves: a row per lot, per day of growth points, and for the debt; points as they come to p_to.
    CREATE TEMP TABLE IF NOT EXISTS points_moving (
      turn integer, lot integer, points bigint, occurred_on date, expires_on date, available_on date, origin jsonb, came_back boolean, is_debt boolean
    ) ON COMMIT DROP;
    DELETE FROM points_moving;
    INSERT INTO points_moving
    SELECT row_number() OVER (ORDER BY is_debt DESC, expires_on, lot, occurred_on), lot, points, occurred_on, expires_on, available_on, origin,
           came_back, is_debt
      FROM (
        SELECT l.number AS lot, l.remaining AS points, e.occurred_on, l.expires_on, l.available_on,
               coalesce(e.figures -> 'origin', jsonb_build_array(e.member_id, e.number)) AS origin,
               e.kind = 6 OR coalesce(e.figures ? 'came_back', false) AS came_back, false AS is_debt
          FROM points_lot l
          JOIN points_entry e ON e.member_id = l.member_id AND e.currency_id = l.currency_id AND e.number = l.number
         WHERE l.member_id = p_from AND l.currency_id = purse.currency_id AND l.expires_on > closed_through AND l.remaining > 0
           AND (NOT p_back OR e.kind = 8 AND (e.figures -> 'origin' ->> 0)::bigint = ANY (p_family))
        UNION ALL
        SELECT NULL, sum(e.points)::bigint, e.occurred_on, never, open_on, NULL, false, false
          FROM points_entry e
         WHERE purse.is_growth AND e.member_id = p_from AND e.currency_id = purse.currency_id
           AND (NOT p_back OR e.number >= first_number
                              AND (e.kind = 8 AND e.cause = 'merge/' || p_merge
                                   OR e.kind = 5 AND (e.figures ->> 'merged_from')::bigint = ANY (p_family)))
         GROUP BY e.occurred_on HAVING sum(e.points) <> 0
        UNION ALL
        SELECT NULL, -debt, p_on, never, open_on, NULL, false, true WHERE debt > 0) m;
    SELECT count(*), coalesce(sum(points) FILTER (WHERE NOT is_debt AND available_on <= open_on), 0),
           coalesce(sum(points) FILTER (WHERE available_on > open_on), 0),
           coalesce(sum(points) FILTER (WHERE points > 0), 0), coalesce(-sum(points) FILTER (WHERE points < 0), 0)
      INTO items, freed, waiting, came, went FROM points_moving;
    CONTINUE WHEN items = 0;

    -- 2. The entries of both sides, each with its twin's number; and the lots.
    INSERT INTO points_entry (member_id, currency_id, number, kind, points, balance_after, event_key, occurred_on, booked_on, cause, figures)
    SELECT side.member_id, purse.currency_id, side.entries + m.turn, 8, side.sign * m.points,
           side.balance + side.sign * (sum(m.points) OVER (PARTITION BY side.sign ORDER BY m.turn))::bigint,
           md5(cause_here || '/' || side.sign || '/' || m.turn)::uuid, m.occurred_on, greatest(booked, m.occurred_on), cause_here,
           jsonb_strip_nulls(jsonb_build_object('merge', p_merge, 'member', side.twin, 'number', side.twin_number,
                                                'twin', side.twin_entries + m.turn, 'origin', m.origin,
                                                'owed', CASE WHEN m.is_debt THEN true END,
                                                'came_back', CASE WHEN m.came_back THEN true END))
      FROM points_moving m
     CROSS JOIN (VALUES
       (-1, p_from, purse.entries, purse.available + purse.pending + purse.held - purse.owed, p_to, other.entries, p_numbers[2]),
       (1, p_to, other.entries, other.available + other.pending + other.held - other.owed, p_from, purse.entries, p_numbers[1])
     ) side(sign, member_id, entries, balance, twin, twin_entries, twin_number);
    IF NOT purse.is_growth THEN
      UPDATE points_lot l SET remaining = 0 FROM points_moving m
       WHERE l.member_id = p_from AND l.currency_id = purse.currency_id AND l.expires_on = m.expires_on AND l.number = m.lot AND NOT m.is_debt;
      INSERT INTO points_allocation (member_id, currency_id, debit_number, lot_expires_on, lot_number, points)
      SELECT p_from, purse.currency_id, purse.entries + turn, expires_on, lot, points FROM points_moving WHERE NOT is_debt;
      INSERT INTO points_lot (member_id, currency_id, expires_on, number, points, remaining, available_on)
      SELECT p_to, purse.currency_id, expires_on, other.entries + turn, points, points, available_on FROM points_moving WHERE NOT is_debt;
      -- The credit that pays what is owed here is a lot used up by itself.
      INSERT INTO points_lot (member_id, currency_id, expires_on, number, points, remaining, available_on)
      SELECT p_from, purse.currency_id, never, purse.entries + turn, debt, 0, available_on FROM points_moving WHERE is_debt;
      INSERT INTO points_allocation (member_id, currency_id, debit_number, lot_expires_on, lot_number, points)
      SELECT p_from, purse.currency_id, purse.entries + turn, never, purse.entries + turn, debt FROM points_moving WHERE is_debt;
      -- What comes pays what is owed there, first to expire first.
      paid := least(other.owed, freed);
      IF paid > 0 THEN
        WITH part AS (
          SELECT expires_on, turn, least(points, paid - (upto - points)) AS points
            FROM (SELECT *, (sum(points) OVER (ORDER BY turn))::bigint AS upto FROM points_moving WHERE available_on <= open_on AND NOT is_debt) m
           WHERE upto - points < paid),
        lots AS (
          UPDATE points_lot l SET remaining = l.remaining - p.points FROM part p
           WHERE l.member_id = p_to AND l.currency_id = purse.currency_id AND l.expires_on = p.expires_on AND l.number = other.entries + p.turn)
        INSERT INTO points_allocation (member_id, currency_id, debit_number, lot_expires_on, lot_number, points)
        SELECT p_to, purse.currency_id, other.entries + turn, expires_on, other.entries + turn, points FROM part;
      END IF;
      -- A debt that comes takes what is there; a purse that owed had nothing available to bring.
      taken := least(other.available, debt);
      IF taken > 0 THEN
        PERFORM points_take_lots_of_one(p_to, purse.currency_id, other.entries + turn, taken, closed_through, open_on)
           FROM points_moving WHERE is_debt;
      END IF;
    END IF;

    -- 3. The balances: what is available less what is owed is one figure, above or below zero.
    UPDATE points_purse b
       SET available = greatest(s.net, 0), owed = greatest(-s.net, 0), pending = b.pending + s.sign * waiting,
           credited = b.credited + s.credited, debited = b.debited + s.debited, entries = b.entries + items,
           last_booked_on = greatest(b.last_booked_on, booked)
      FROM (VALUES (p_from, -1, purse.available - purse.owed - freed + debt, went, came),
                   (p_to, 1, other.available - other.owed + freed - debt, came, went)) s(member_id, sign, net, credited, debited)
     WHERE b.member_id = s.member_id AND b.currency_id = purse.currency_id;
    answer := answer || jsonb_build_object(purse.currency_id, jsonb_build_object(
      'entries', items, 'points', freed + waiting, 'pending', waiting, 'owed', debt));
  END LOOP;
  RETURN answer;
END $$;
REVOKE EXECUTE ON FUNCTION points_merge FROM PUBLIC, runtime;
GRANT EXECUTE ON FUNCTION points_merge TO runtime;
