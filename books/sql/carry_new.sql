-- Let the branch of each member %(first_member)s..%(last_member)s carry his points who has no carrying branch yet; then tell whether any
-- member has a carrying branch that is no longer his own.
WITH new AS (
  INSERT INTO books_carryingbranch (member_id, branch_id)
  SELECT m.id, m.branch_id FROM members_member m
   WHERE m.id BETWEEN %(first_member)s AND %(last_member)s
     AND NOT EXISTS (SELECT FROM books_carryingbranch c WHERE c.member_id = m.id)
      ON CONFLICT DO NOTHING)
SELECT EXISTS (
  SELECT FROM books_carryingbranch c JOIN members_member m ON m.id = c.member_id AND m.branch_id <> c.branch_id
   WHERE c.member_id BETWEEN %(first_member)s AND %(last_member)s)
