-- Give holds back, which are then in p_state, released or lapsed; one answer per item: p_state (balance_after: what can be used on p_on then),
-- `duplicate` (was so before), the other way it ended, `unknown_hold`. What lies in lots that are usable on p_on returns to them. What has lapsed
-- meanwhile, and all of a purse that owes, comes back as by a restore: the redemption is booked and returned, one lot per lot held, which
-- expires no earlier than 30 days after p_on, or when its lot did that is usable still or came by a restore itself: what has come back once
-- keeps its day. As any credit it first pays what is owed.
CREATE OR REPLACE FUNCTION points_give_back(p_member bigint[], p_currency smallint[], p_key uuid[], p_state text, p_on date)
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
                        array_agg(p_on), array_agg(CASE WHEN p.lot_expires_on >= p_on OR p.came_back THEN p.lot_expires_on
                                                        ELSE p_on + 30 END),
                        array_agg(NULL::date), array_agg(p.cause || '/lot/' || p.lot_number), array_agg(NULL::integer),
                        array_agg(NULL::jsonb), NULL, NULL)
       FROM (SELECT p.*, h.cause, e.kind = 6 AS came_back
               FROM unnest(fresh, good_from) f(s, g)
               JOIN points_hold h ON h.member_id = p_member[s] AND h.currency_id = p_currency[s] AND h.key = p_key[s]
               JOIN points_holdpart p ON p.member_id = h.member_id AND p.currency_id = h.currency_id AND p.hold_key = h.key
               JOIN points_entry e ON e.member_id = p.member_id AND e.currency_id = p.currency_id AND e.number = p.lot_number
              WHERE p.lot_expires_on < f.g
              ORDER BY f.s, p.lot_expires_on, p.lot_number) p HAVING count(*) > 0;
    UPDATE points_hold h SET state = p_state, ended_on = open_on FROM unnest(fresh) s
     WHERE h.member_id = p_member[s] AND h.currency_id = p_currency[s] AND h.key = p_key[s];
  END IF;
  RETURN QUERY
  SELECT o.seq, o.outcome, NULL::integer,
         -- As it can be used on p_on: between the flip of a date and its night a purse may not show yet what lapsed or was released.
         CASE WHEN b.member_id IS NOT NULL THEN greatest((
           SELECT coalesce(sum(l.remaining), 0) FROM points_lot l
            WHERE l.member_id = b.member_id AND l.currency_id = b.currency_id AND l.expires_on >= p_on AND l.available_on <= open_on
         ) - b.owed, 0)::bigint END
    FROM unnest(outcomes) WITH ORDINALITY AS o(outcome, seq)
    LEFT JOIN points_purse b ON b.member_id = p_member[o.seq] AND b.currency_id = p_currency[o.seq];
END $$;
