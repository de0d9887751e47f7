-- Makes the tables that a replay of reviews reads and writes instead of the live ones, empty, once per transaction that wants them.
CREATE TEMP TABLE IF NOT EXISTS rehearsed_standing (
  member_id bigint NOT NULL, programme_id bigint NOT NULL, tier_id bigint NOT NULL, since date NOT NULL, decided_on date NOT NULL,
  valid_until date, grace_until date, decision_id bigint NOT NULL, PRIMARY KEY (member_id, programme_id)
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS rehearsed_decision (
  id bigint GENERATED ALWAYS AS IDENTITY, member_id bigint NOT NULL, programme_id bigint NOT NULL, as_of date NOT NULL,
  from_tier_id bigint NOT NULL, to_tier_id bigint NOT NULL, outcome varchar NOT NULL, valid_until date, grace_until date, figures jsonb NOT NULL,
  rule_book_id bigint, run_id bigint, PRIMARY KEY (member_id, programme_id, as_of)
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS rehearsed_series (LIKE tiers_series INCLUDING DEFAULTS) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS rehearsed_total (LIKE tiers_runningtotal INCLUDING ALL) ON COMMIT DELETE ROWS;
TRUNCATE rehearsed_standing, rehearsed_decision, rehearsed_series, rehearsed_total
