-- Takes: programmes, starts_on, first_member, last_member. Fills rehearsed_standing and rehearsed_decision with how each member stood the
-- day before starts_on, by his last decision until then; who has none is standard.
-- Index: decisions by (member, programme, as_of).
WITH latest AS (
  SELECT decision.*
  FROM members_member AS member
  CROSS JOIN unnest(%(programmes)s::bigint[]) AS programme (id)
  CROSS JOIN LATERAL (
    SELECT decision.* FROM tiers_decision AS decision
    WHERE decision.member_id = member.id AND decision.programme_id = programme.id AND decision.as_of < %(starts_on)s
    ORDER BY decision.as_of DESC LIMIT 1
  ) AS decision
  WHERE member.id BETWEEN %(first_member)s AND %(last_member)s
), stood AS (
  INSERT INTO rehearsed_standing (member_id, programme_id, tier_id, since, decided_on, valid_until, grace_until, decision_id)
  SELECT member_id, programme_id, to_tier_id, as_of, as_of, valid_until, grace_until, id FROM latest
)
INSERT INTO rehearsed_decision (member_id, programme_id, as_of, from_tier_id, to_tier_id, outcome, valid_until, grace_until, figures, rule_book_id)
SELECT member_id, programme_id, as_of, from_tier_id, to_tier_id, outcome, valid_until, grace_until, '{}', rule_book_id FROM latest
