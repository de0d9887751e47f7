-- A transfer's debit has its credits, lot by lot, at the other member or back at the giver; until then it is in flight, and an
-- open obligation says so. A transfer's credit has its debit. Merges of records are merges_tie's. Keys of credits: points.transferring.credit_key.
SELECT p.member_id, p.currency_id, t.points < 0 AND NOT t.arrived AND t.is_owed AS in_flight, -t.points AS points,
       NOT t.arrived AND NOT t.is_owed AS broken
  FROM purse p
  JOIN LATERAL (
    SELECT e.points,
           CASE WHEN e.points < 0 THEN NOT EXISTS (
             SELECT FROM points_allocation a
              WHERE a.member_id = e.member_id AND a.currency_id = e.currency_id AND a.debit_number = e.number
                AND NOT EXISTS (
                  SELECT FROM points_entry c
                   WHERE c.member_id = (e.figures ->> 'to_member')::bigint AND c.currency_id = e.currency_id
                     AND c.event_key = md5(e.event_key || '/' || a.lot_number)::uuid AND c.kind = 8 AND c.points = a.points)
                AND NOT EXISTS (
                  SELECT FROM points_entry c
                   WHERE c.member_id = e.member_id AND c.currency_id = e.currency_id
                     AND c.event_key = md5('back/' || e.event_key || '/' || a.lot_number)::uuid AND c.kind = 8 AND c.points = a.points))
           ELSE EXISTS (
             SELECT FROM points_entry d
              WHERE d.member_id = (e.figures ->> 'from_member')::bigint AND d.currency_id = e.currency_id
                AND d.number = (e.figures ->> 'debit')::integer AND d.kind = 8 AND d.points < 0) END AS arrived,
           e.points < 0 AND EXISTS (
             SELECT FROM outbox_obligation o
              WHERE o.member_id = e.member_id AND o.topic IN ('points.transfer', 'points.transfer_back')
                AND o.key = e.currency_id || '/' || e.event_key AND o.done_at IS NULL) AS is_owed
      FROM points_entry e
     WHERE e.member_id = p.member_id AND e.currency_id = p.currency_id AND e.kind = 8
       AND NOT coalesce(e.figures ? 'merge', false)) t ON true
