DROP TRIGGER keep_gates ON members_member;
DROP FUNCTION points_keep_gates();
-- Whoever closes a membership closes its purses with it, under their locks: what was being booked is booked before, and what waits for a
-- purse finds it closed. From then on nothing is credited to it nor taken from it but by expiry and by what was held already: should a
-- posting have looked at the membership before, `closed_purse_takes_nothing` stops it, and it is posted again.
CREATE FUNCTION points_close_purses() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM FROM points_purse WHERE member_id = NEW.id ORDER BY currency_id FOR NO KEY UPDATE;
  UPDATE points_purse SET closed_credited = CASE WHEN NEW.status = 'closed' THEN credited END,
                          closed_spent = CASE WHEN NEW.status = 'closed' THEN debited + held END
   WHERE member_id = NEW.id;
  RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION points_close_purses FROM PUBLIC, runtime;
CREATE TRIGGER close_purses AFTER UPDATE OF status ON members_member FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
  EXECUTE FUNCTION points_close_purses();
