DROP FUNCTION points_release, points_lapse, points_post, points_take_lots, points_take_own_lots, points_own_lots, points_settle;
DROP TYPE points_rest;
DROP AGGREGATE points_spend(bigint, bigint, bigint, boolean);
DROP FUNCTION points_spend_step;
ALTER TABLE points_lot DROP CONSTRAINT lot_gives_no_more_than_its_points;
ALTER TABLE points_lot ADD CONSTRAINT lot_gives_no_more_than_its_points CHECK (remaining + expired <= points);
ALTER TABLE points_lot DROP COLUMN held;
