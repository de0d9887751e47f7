-- Takes the temp table posting after it was posted; leaves in it, for the currencies that write off, a credit of what each clawback
-- could not take: its points less what was allocated to it. The purse owes as much, so that the credit is used up at once.
-- Served by the entry's unique index on (member, currency, event key) and the allocation's primary key.
DROP INDEX IF EXISTS pg_temp.posting_by_member;
WITH clawed AS (
    DELETE FROM posting RETURNING *
)
INSERT INTO posting (seq, member_id, currency_id, key, kind, points, occurred_on, cause, figures)
SELECT p.seq, p.member_id, p.currency_id, earning_key('write-off/' || p.key, 0, p.currency_id), %(adjust)s, -p.points - taken.points,
       p.occurred_on, 'write-off/' || p.cause, jsonb_build_object('clawback', e.number, 'clawed', -p.points, 'taken', taken.points)
FROM clawed p
JOIN points_pointcurrency c ON c.id = p.currency_id AND c.kind = 'reward' AND c.shortfall = 'write_off'
JOIN points_entry e ON e.member_id = p.member_id AND e.currency_id = p.currency_id AND e.event_key = p.key
CROSS JOIN LATERAL (
    SELECT coalesce(sum(a.points), 0)::bigint AS points FROM points_allocation a
    WHERE a.member_id = e.member_id AND a.currency_id = e.currency_id AND a.debit_number = e.number
) taken
WHERE taken.points < -p.points
