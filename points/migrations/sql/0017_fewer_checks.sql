-- Each statement that writes parses its table's checks anew: a fifth of a single post. What holds of several columns alike is one check here, and
-- none lists numbers, which are long to read.
ALTER TABLE points_entry DROP CONSTRAINT entry_kind_agrees_with_its_sign;
ALTER TABLE points_entry ADD CONSTRAINT entry_kind_agrees_with_its_sign
  CHECK (CASE WHEN kind = 6 OR kind < 3 THEN points >= 0 WHEN kind < 6 THEN points <= 0 ELSE true END);
ALTER TABLE points_lot ADD CONSTRAINT lot_parts_not_negative CHECK (least(remaining, held, expired) >= 0);
ALTER TABLE points_lot DROP CONSTRAINT lot_remaining_not_negative, DROP CONSTRAINT lot_held_not_negative, DROP CONSTRAINT lot_expired_not_negative;
