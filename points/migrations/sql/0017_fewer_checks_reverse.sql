ALTER TABLE points_entry DROP CONSTRAINT entry_kind_agrees_with_its_sign;
ALTER TABLE points_entry ADD CONSTRAINT entry_kind_agrees_with_its_sign
  CHECK (CASE WHEN kind IN (1, 2, 6) THEN points >= 0 WHEN kind IN (3, 4, 5) THEN points <= 0 ELSE true END);
ALTER TABLE points_lot ADD CONSTRAINT lot_remaining_not_negative CHECK (remaining >= 0),
  ADD CONSTRAINT lot_held_not_negative CHECK (held >= 0), ADD CONSTRAINT lot_expired_not_negative CHECK (expired >= 0);
ALTER TABLE points_lot DROP CONSTRAINT lot_parts_not_negative;
