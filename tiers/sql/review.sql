-- Takes: as_of, run, and from tiers.reviewing the queries `measured` (a row a member under review) and `judged` (a row a member and
-- programme whose standing changes). Writes decisions and standings into the tables named, the live ones or a rehearsal's; gives
-- how many members were reviewed, and how many of their standings went up, were renewed, went into grace, went down, were secured by people.
-- Indexes: the primary key of members, standings by (member, programme).
WITH measured AS MATERIALIZED (
{measured}
), judged AS (
{judged}
), written AS (
  INSERT INTO {decision} (member_id, programme_id, as_of, from_tier_id, to_tier_id, outcome, valid_until, grace_until, figures,
    rule_book_id, run_id)
  SELECT judged.member_id, judged.programme_id, %(as_of)s, judged.tiers[judged.present], judged.tiers[judged.reached], judged.outcome,
    judged.new_valid_until, judged.new_grace_until, judged.figures, judged.rule_book_id, %(run)s
  FROM judged
  RETURNING id, member_id, programme_id, from_tier_id, to_tier_id, valid_until, grace_until, outcome
), stood AS (
  INSERT INTO {standing} AS standing (member_id, programme_id, tier_id, since, decided_on, valid_until, grace_until, decision_id)
  SELECT member_id, programme_id, to_tier_id, %(as_of)s, %(as_of)s, valid_until, grace_until, id FROM written
  ON CONFLICT (member_id, programme_id) DO UPDATE SET tier_id = excluded.tier_id, valid_until = excluded.valid_until,
    grace_until = excluded.grace_until, decided_on = excluded.decided_on, decision_id = excluded.decision_id,
    since = CASE WHEN standing.tier_id = excluded.tier_id THEN standing.since ELSE excluded.since END
){owed}
SELECT (SELECT count(*) FROM measured), count(*) FILTER (WHERE outcome = 'upgraded'),
  count(*) FILTER (WHERE outcome = 'renewed'), count(*) FILTER (WHERE outcome = 'grace'),
  count(*) FILTER (WHERE outcome = 'downgraded'), count(*) FILTER (WHERE outcome IN ('invited', 'overridden', 'frozen'))
FROM written
