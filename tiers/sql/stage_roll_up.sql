-- Makes the two work tables of a roll-up, empty, once per transaction that wants them.
-- afresh: which members' series to compute from all facts; jump: by how much a quantity changes from a day on.
CREATE TEMP TABLE IF NOT EXISTS tiers_afresh (
  member_id bigint NOT NULL, series_id smallint NOT NULL, PRIMARY KEY (member_id, series_id)
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS tiers_jump (
  member_id bigint NOT NULL, series_id smallint NOT NULL, day date NOT NULL, change bigint NOT NULL
) ON COMMIT DELETE ROWS;
TRUNCATE tiers_afresh, tiers_jump;
