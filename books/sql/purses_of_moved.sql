SELECT b.member_id, b.currency_id, '-infinity'::date AS after, %(after)s::date AS through
  FROM books_carryingbranch c
  JOIN members_member m ON m.id = c.member_id AND m.branch_id <> c.branch_id
  JOIN points_purse b ON b.member_id = c.member_id
 WHERE c.member_id BETWEEN %(first_member)s AND %(last_member)s
