-- Takes: programmes, starts_on, ends_on, first_member, last_member, and rehearsed_decision. Gives a row (member, programme code, date) for
-- each decision of these dates that is not in history just so, or that history has and the replay has not, in order.
-- Index: decisions by (member, programme, as_of).
SELECT member_id, programme.code, as_of
FROM (
  SELECT member_id, programme_id, as_of, from_tier_id, to_tier_id, outcome, valid_until, grace_until, figures, rule_book_id
  FROM rehearsed_decision WHERE as_of BETWEEN %(starts_on)s AND %(ends_on)s AND programme_id = ANY (%(programmes)s)
) AS replayed
FULL JOIN (
  SELECT member_id, programme_id, as_of, from_tier_id, to_tier_id, outcome, valid_until, grace_until, figures, rule_book_id
  FROM tiers_decision
  WHERE member_id BETWEEN %(first_member)s AND %(last_member)s AND as_of BETWEEN %(starts_on)s AND %(ends_on)s
    AND programme_id = ANY (%(programmes)s)
) AS stored USING (member_id, programme_id, as_of)
JOIN tiers_programme AS programme ON programme.id = programme_id
WHERE (replayed.from_tier_id, replayed.to_tier_id, replayed.outcome, replayed.valid_until, replayed.grace_until, replayed.figures, replayed.rule_book_id)
  IS DISTINCT FROM (stored.from_tier_id, stored.to_tier_id, stored.outcome, stored.valid_until, stored.grace_until, stored.figures, stored.rule_book_id)
ORDER BY member_id, programme.code, as_of
