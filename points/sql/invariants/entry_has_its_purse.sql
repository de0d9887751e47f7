-- No entry and no lot stands outside a purse, and no purse outside the members: what the missing foreign keys would have said.
SELECT o.member_id, o.currency_id, b.member_id IS NULL OR m.id IS NULL AS broken
  FROM (SELECT member_id, currency_id FROM points_purse WHERE member_id BETWEEN %(first_member)s AND %(last_member)s
         UNION
        SELECT member_id, currency_id FROM points_entry WHERE member_id BETWEEN %(first_member)s AND %(last_member)s
         UNION
        SELECT member_id, currency_id FROM points_lot WHERE member_id BETWEEN %(first_member)s AND %(last_member)s) o
  LEFT JOIN points_purse b ON b.member_id = o.member_id AND b.currency_id = o.currency_id
  LEFT JOIN members_member m ON m.id = o.member_id
