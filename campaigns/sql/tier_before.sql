-- Gives the code of the tier in the main programme at which the member of an activity `a` stood on the evening before it; standard
-- without a decision, NULL without a main programme. Served by the index of tiers_decision on (member, programme, as_of).
(SELECT t.code
   FROM tiers_programme p
   LEFT JOIN LATERAL (
     SELECT d.to_tier_id FROM tiers_decision d
     WHERE d.member_id = a.member_id AND d.programme_id = p.id AND d.as_of < a.occurred_on
     ORDER BY d.as_of DESC LIMIT 1
   ) last ON true
   JOIN tiers_tier t ON t.programme_id = p.id AND CASE WHEN last.to_tier_id IS NULL THEN t.rank = 0 ELSE t.id = last.to_tier_id END
  WHERE p.is_main)
