-- Sum up the chunks of %(business_date)s. Served by the chunks' primary key.
INSERT INTO books_dailytotal (business_date, currency_id, kind, branch_id, rule_version_id, expires_in, credited, debited, entries)
SELECT business_date, currency_id, kind, branch_id, rule_version_id, expires_in, sum(credited), sum(debited), sum(entries)
  FROM books_chunktotal WHERE business_date = %(business_date)s
 GROUP BY business_date, currency_id, kind, branch_id, rule_version_id, expires_in
