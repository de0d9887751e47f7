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

