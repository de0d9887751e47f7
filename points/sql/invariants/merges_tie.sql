-- What a merge of two records moved here, it moved there: each entry of one has its twin in the other's purse, of as many points the other
-- way, of the same days; and the lot that came is usable until the day that the lot it came from was.
SELECT p.member_id, p.currency_id, m.broken
  FROM purse p
 CROSS JOIN LATERAL (
   SELECT coalesce(bool_or((t.points = -e.points AND t.occurred_on = e.occurred_on AND t.booked_on = e.booked_on AND t.cause = e.cause
                            AND (t.figures ->> 'member')::bigint = e.member_id AND (t.figures ->> 'twin')::integer = e.number
                            AND (l.expires_on IS NOT DISTINCT FROM a.lot_expires_on OR e.figures ? 'owed')) IS NOT TRUE), false) AS broken
     FROM points_entry e
     LEFT JOIN points_entry t ON t.member_id = (e.figures ->> 'member')::bigint AND t.currency_id = e.currency_id
                             AND t.number = (e.figures ->> 'twin')::integer AND t.kind = 8
     LEFT JOIN points_lot l ON l.member_id = CASE WHEN e.points > 0 THEN e.member_id ELSE t.member_id END AND l.currency_id = e.currency_id
                           AND l.number = CASE WHEN e.points > 0 THEN e.number ELSE t.number END
     LEFT JOIN points_allocation a ON a.member_id = CASE WHEN e.points < 0 THEN e.member_id ELSE t.member_id END AND a.currency_id = e.currency_id
                                  AND a.debit_number = CASE WHEN e.points < 0 THEN e.number ELSE t.number END
    WHERE e.member_id = p.member_id AND e.currency_id = p.currency_id AND e.kind = 8 AND e.figures ? 'merge') m
