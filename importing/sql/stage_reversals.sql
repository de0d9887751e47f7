-- Takes %(import)s, %(clawback)s (the kind of entry) and %(today)s; writes into the temp table `posting` what takes each of its lots back.
-- A clawback of growth points occurs on the day of their earning, since it counts in that day's windows; one of reward points today.
-- Served by opening_lot_by_import.
INSERT INTO posting (seq, member_id, currency_id, key, kind, points, occurred_on, expires_on, cause, figures, takes_first)
SELECT row_number() OVER (ORDER BY o.member_id, o.currency_id, o.entry_number), o.member_id, o.currency_id,
       md5('undo/' || o.key::text)::uuid, %(clawback)s, -o.points,
       CASE c.kind WHEN 'growth' THEN o.earned_on ELSE greatest(%(today)s::date, o.earned_on) END,
       CASE c.kind WHEN 'reward' THEN coalesce(o.expires_on, '9999-12-31') END,
       'import/' || o.import_id || '/undone', jsonb_build_object('line', o.line, 'entry', o.entry_number),
       CASE c.kind WHEN 'reward' THEN o.entry_number END
FROM importing_openinglot o JOIN points_pointcurrency c ON c.id = o.currency_id
WHERE o.import_id = %(import)s AND o.undone_at IS NULL
