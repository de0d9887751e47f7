-- Takes the temp table posting after it was posted; lists the clawbacks that the ledger did not take, each with its reason.
-- Served by the entry's unique index on (member, currency, event key).
INSERT INTO campaigns_refusedclawback (member_id, currency_id, event_key, cause, points, occurred_on, rule_version_id, figures, reason)
SELECT p.member_id, p.currency_id, p.key, p.cause, p.points, p.occurred_on, p.rule_version_id, p.figures,
       CASE m.status WHEN 'active' THEN 'insufficient' ELSE 'unknown_purse' END
FROM posting p
JOIN members_member m ON m.id = p.member_id
WHERE NOT EXISTS (SELECT FROM points_entry e
                  WHERE e.member_id = p.member_id AND e.currency_id = p.currency_id AND e.event_key = p.key)
ORDER BY p.member_id, p.currency_id, p.key
ON CONFLICT DO NOTHING
