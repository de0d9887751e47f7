-- Move what members %(first_member)s..%(last_member)s had at the end of %(after)s from the branch that carried it to their own, where these
-- differ: kind 0, nothing in sum. The members are few; all their entries are read.
WITH {pieces},
stock AS (
  SELECT member_id, currency_id, rule_version_id, expires_in, sum(credited - debited)::bigint AS points
    FROM piece GROUP BY member_id, currency_id, rule_version_id, expires_in HAVING sum(credited - debited) <> 0),
carried AS (
  UPDATE books_carryingbranch c SET branch_id = m.branch_id
    FROM members_member m, books_carryingbranch before
   WHERE m.id = c.member_id AND before.member_id = c.member_id AND m.branch_id <> c.branch_id
     AND c.member_id BETWEEN %(first_member)s AND %(last_member)s
  RETURNING c.member_id, before.branch_id AS old, c.branch_id AS new),
moved AS (
  SELECT s.currency_id, c.old AS branch_id, s.rule_version_id, s.expires_in, -s.points AS points
    FROM stock s JOIN carried c ON c.member_id = s.member_id
   UNION ALL
  SELECT s.currency_id, c.new, s.rule_version_id, s.expires_in, s.points FROM stock s JOIN carried c ON c.member_id = s.member_id)
INSERT INTO books_chunktotal (business_date, first_member, currency_id, branch_id, kind, rule_version_id, expires_in, credited, debited, entries)
SELECT %(business_date)s, %(first_member)s, currency_id, branch_id, 0, rule_version_id, expires_in,
       sum(greatest(points, 0)), sum(greatest(-points, 0)), 0
  FROM moved GROUP BY currency_id, branch_id, rule_version_id, expires_in
