-- Every earning has a cause, and no cause has earned twice under one rule version.
SELECT p.member_id, p.currency_id, e.broken
  FROM purse p
 CROSS JOIN LATERAL (
   SELECT coalesce(bool_or(cause = ''), false) OR count(*) > count(DISTINCT (cause, rule_version_id)) AS broken
     FROM points_entry WHERE member_id = p.member_id AND currency_id = p.currency_id AND kind = 1) e
