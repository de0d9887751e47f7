DROP FUNCTION points_release, points_lapse, points_post, points_settle, points_check_closing, points_ensure_partitions;
DROP TYPE points_answer, points_debit, points_repeat;
DROP AGGREGATE points_spend(bigint, bigint, boolean), points_sum(bigint);
DROP FUNCTION points_spend_step;
ALTER TABLE points_entry DROP CONSTRAINT entry_kind_agrees_with_its_sign;
ALTER TABLE points_lot DETACH PARTITION points_lot_never;
ALTER TABLE points_lot_never DROP CONSTRAINT lot_never_expires;
ALTER TABLE points_lot_never RENAME TO points_lot_rest;
ALTER TABLE points_lot ATTACH PARTITION points_lot_rest DEFAULT;
