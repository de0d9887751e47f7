-- Count what the members %(first_member)s..%(last_member)s moved after %(after)s (-infinity: ever) and by %(business_date)s, by kind and
-- place; a chunk that has its rows keeps the first. Purses that were not touched since are not read.
WITH {pieces}
INSERT INTO books_chunktotal (business_date, first_member, currency_id, branch_id, kind, rule_version_id, expires_in, credited, debited, entries)
SELECT %(business_date)s, %(first_member)s, p.currency_id, c.branch_id, p.kind, p.rule_version_id, p.expires_in,
       sum(p.credited), sum(p.debited), sum(p.entries)
  FROM piece p
  JOIN books_carryingbranch c ON c.member_id = p.member_id
 GROUP BY p.currency_id, c.branch_id, p.kind, p.rule_version_id, p.expires_in
    ON CONFLICT DO NOTHING
RETURNING entries
