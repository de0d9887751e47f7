-- What keeps a membership from earning and from spending (members_gates) stands on its purses too, so that the door reads it under the
-- purse's lock. Whoever moves a member, or many in one statement, locks their purses in the order of their keys and writes it: what was
-- being booked is booked before, what waits for a purse finds it so. A purse that opens later reads the membership, which it keeps as it is.
CREATE FUNCTION points_keep_gates() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE moved bigint[];
BEGIN
  SELECT array_agg(a.id ORDER BY a.id) INTO moved
    FROM after a JOIN before b ON b.id = a.id
   WHERE (a.status, a.accepted_at IS NULL, a.cools_off_until IS NULL)
         IS DISTINCT FROM (b.status, b.accepted_at IS NULL, b.cools_off_until IS NULL);
  IF moved IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM FROM points_purse WHERE member_id = ANY (moved) ORDER BY member_id, currency_id FOR NO KEY UPDATE;
  UPDATE points_purse p
     SET no_earning = g.no_earning, no_spending = g.no_spending,
         closed_credited = CASE WHEN m.status = 'closed' THEN p.credited END,
         closed_spent = CASE WHEN m.status = 'closed' THEN p.debited + p.held END
    FROM members_member m CROSS JOIN LATERAL members_gates(m.status, m.accepted_at, m.cools_off_until) g
   WHERE p.member_id = m.id AND m.id = ANY (moved);
  RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION points_keep_gates FROM PUBLIC, runtime;
DROP TRIGGER close_purses ON members_member;
DROP FUNCTION points_close_purses();
CREATE TRIGGER keep_gates AFTER UPDATE ON members_member REFERENCING OLD TABLE AS before NEW TABLE AS after
  FOR EACH STATEMENT EXECUTE FUNCTION points_keep_gates();

UPDATE points_purse p SET no_earning = g.no_earning, no_spending = g.no_spending
  FROM members_member m CROSS JOIN LATERAL members_gates(m.status, m.accepted_at, m.cools_off_until) g
 WHERE p.member_id = m.id AND (g.no_earning IS NOT NULL OR g.no_spending IS NOT NULL);
