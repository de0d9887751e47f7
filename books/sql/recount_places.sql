-- Hold the stock of %(business_date)s against a count of all entries until then: how many places were compared, and up to five that differ.
-- Only the last date's can be held %(by_branch)s: which branch carried a member's points before is not kept.
WITH {pieces},
found AS (
  SELECT p.currency_id, CASE WHEN %(by_branch)s THEN c.branch_id ELSE 0 END AS branch_id, p.rule_version_id, p.expires_in, sum(p.credited - p.debited) AS points
    FROM piece p
    LEFT JOIN books_carryingbranch c ON c.member_id = p.member_id
   GROUP BY 1, 2, 3, 4 HAVING sum(p.credited - p.debited) <> 0),
compared AS (
  SELECT coalesce(f.currency_id, s.currency_id) AS currency_id, coalesce(f.branch_id, s.branch_id) AS branch_id,
         coalesce(f.rule_version_id, s.rule_version_id) AS rule_version_id, coalesce(f.expires_in, s.expires_in) AS expires_in,
         f.points IS DISTINCT FROM s.points AS broken
    FROM found f
    FULL JOIN (SELECT currency_id, CASE WHEN %(by_branch)s THEN branch_id ELSE 0 END AS branch_id, rule_version_id, expires_in,
                      sum(points) AS points
                 FROM books_dailystock WHERE business_date = %(business_date)s GROUP BY 1, 2, 3, 4 HAVING sum(points) <> 0) s
           ON s.currency_id = f.currency_id AND s.branch_id = f.branch_id AND s.rule_version_id = f.rule_version_id
          AND s.expires_in = f.expires_in)
SELECT count(*) FILTER (WHERE broken), count(*),
       ARRAY(SELECT concat('currency ', currency_id, ' branch ', branch_id, ' rule ', rule_version_id, ' month ', to_char(expires_in, 'YYYY-MM'))
               FROM compared WHERE broken ORDER BY currency_id, branch_id, rule_version_id, expires_in LIMIT 5)
  FROM compared
