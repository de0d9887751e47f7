-- Freeze a purse or thaw it, under its lock, so that whatever waits for it finds it so: true where it was the other way before, false
-- where it was so already, NULL where there is no such purse. Frozen, a purse refuses redemptions, holds and transfers (domain.md §3).
CREATE FUNCTION points_freeze(p_member bigint, p_currency smallint, p_frozen boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE is_frozen boolean;
BEGIN
  SELECT frozen INTO is_frozen FROM points_purse WHERE member_id = p_member AND currency_id = p_currency FOR NO KEY UPDATE;
  IF is_frozen <> p_frozen THEN
    UPDATE points_purse SET frozen = p_frozen WHERE member_id = p_member AND currency_id = p_currency;
  END IF;
  RETURN is_frozen <> p_frozen;
END $$;

-- A freeze keeps why and since when: no row is ever taken away, and only its end is written later.
REVOKE UPDATE, DELETE, TRUNCATE ON points_freeze FROM runtime;
GRANT UPDATE (thawed_on) ON points_freeze TO runtime;
REVOKE EXECUTE ON FUNCTION points_freeze FROM PUBLIC, runtime;
GRANT EXECUTE ON FUNCTION points_freeze TO runtime;
