-- What stands at each place at the end of %(business_date)s: the stock of %(after)s and what the date moved.
INSERT INTO books_dailystock (business_date, currency_id, branch_id, rule_version_id, expires_in, points)
SELECT %(business_date)s, currency_id, branch_id, rule_version_id, expires_in, sum(points)
  FROM (SELECT currency_id, branch_id, rule_version_id, expires_in, points FROM books_dailystock WHERE business_date = %(after)s
         UNION ALL
        SELECT currency_id, branch_id, rule_version_id, expires_in, credited - debited
          FROM books_dailytotal WHERE business_date = %(business_date)s) moved
 GROUP BY currency_id, branch_id, rule_version_id, expires_in HAVING sum(points) <> 0
