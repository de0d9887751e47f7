-- One time line of a member out of all that happened with him, the latest first: one row per happening, at most %(most)s, past the row
-- (%(at)s, %(kind)s, %(id)s) where `at` is given. Takes %(member)s, %(kinds)s (which sources), %(subjects)s (what requests about him are
-- about), %(patterns)s (branch paths whose requests may be read, NULL for all). Gives at, kind, id, data.
-- Every source gives its own latest %(most)s, by an index that begins with the member; only those are told, and the merge keeps the latest.
-- Texts compare by their bytes, so that the order is one whatever the database's language.
WITH happened AS (
  (SELECT n.at, 'activity' AS kind, n.id, jsonb_build_object('kind', n.kind, 'words', jsonb_build_array(n.purpose, n.product, n.merchant_category, n.channel, n.branch),
          'minor', n.amount_minor, 'currency', n.currency, 'direction', n.direction, 'source', s.code, 'external', n.external_id,
          'refunded', (SELECT sum(r.reversed_minor) FROM activity_reversal r WHERE r.member_id = %(member)s
                          AND r.original_source_id = n.source_id AND r.original_external_id = n.external_id)) AS data
     FROM (SELECT n.* FROM (SELECT a.occurred_at AS at, a.source_id || '/' || a.external_id AS id, a.source_id, a.external_id, a.kind, a.purpose, a.product, a.merchant_category, a.channel, a.branch, a.amount_minor, a.currency, a.direction FROM activity_activity a
                             WHERE a.member_id = %(member)s AND 'activity' = ANY (%(kinds)s)) n
            WHERE (%(at)s::timestamptz IS NULL OR (n.at, 'activity' COLLATE "C", n.id COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
            ORDER BY n.at DESC, n.id COLLATE "C" DESC LIMIT %(most)s) n
     JOIN activity_source s ON s.id = n.source_id)
  UNION ALL
  (SELECT n.at, 'refund' AS kind, n.id, jsonb_build_object('minor', n.reversed_minor, 'currency', n.currency, 'priced', n.of_minor > 1) AS data
     FROM (SELECT n.* FROM (SELECT r.occurred_at AS at, r.source_id || '/' || r.external_id AS id, r.reversed_minor, r.currency, r.of_minor FROM activity_reversal r
                             WHERE r.member_id = %(member)s AND 'refund' = ANY (%(kinds)s)) n
            WHERE (%(at)s::timestamptz IS NULL OR (n.at, 'refund' COLLATE "C", n.id COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
            ORDER BY n.at DESC, n.id COLLATE "C" DESC LIMIT %(most)s) n)
  UNION ALL
  (SELECT n.at, 'entry' AS kind, n.id, jsonb_build_object('kind', n.kind, 'points', n.points, 'currency', n.currency_id, 'number', n.number, 'after', n.balance_after) AS data
     FROM (SELECT n.* FROM (SELECT e.recorded_at AS at, e.currency_id || '/' || lpad(e.number::text, 10, '0') AS id, e.kind, e.points, e.currency_id, e.number, e.balance_after FROM points_entry e
                             WHERE e.member_id = %(member)s AND 'entry' = ANY (%(kinds)s)) n
            WHERE (%(at)s::timestamptz IS NULL OR (n.at, 'entry' COLLATE "C", n.id COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
            ORDER BY n.at DESC, n.id COLLATE "C" DESC LIMIT %(most)s) n)
  UNION ALL
  (SELECT n.at, 'tier' AS kind, n.id, jsonb_build_object('outcome', n.outcome, 'from', n.from_tier_id, 'to', n.to_tier_id, 'as_of', n.as_of) AS data
     FROM (SELECT n.* FROM (SELECT d.recorded_at AS at, lpad(d.id::text, 19, '0') AS id, d.outcome, d.from_tier_id, d.to_tier_id, d.as_of FROM tiers_decision d
                             WHERE d.member_id = %(member)s AND 'tier' = ANY (%(kinds)s)) n
            WHERE (%(at)s::timestamptz IS NULL OR (n.at, 'tier' COLLATE "C", n.id COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
            ORDER BY n.at DESC, n.id COLLATE "C" DESC LIMIT %(most)s) n)
  UNION ALL
  (SELECT n.at, 'consent' AS kind, n.id, jsonb_build_object('titles', t.titles, 'version', t.version, 'given', n.given, 'channel', n.channel) AS data
     FROM (SELECT n.* FROM (SELECT c.at AS at, lpad(c.id::text, 19, '0') AS id, c.text_id, c.given, c.channel FROM members_consent c
                             WHERE c.member_id = %(member)s AND 'consent' = ANY (%(kinds)s)) n
            WHERE (%(at)s::timestamptz IS NULL OR (n.at, 'consent' COLLATE "C", n.id COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
            ORDER BY n.at DESC, n.id COLLATE "C" DESC LIMIT %(most)s) n
     JOIN members_consenttext t ON t.id = n.text_id)
  UNION ALL
  (SELECT n.at, 'fact' AS kind, n.id, jsonb_build_object('code', n.code, 'source', n.source, 'by', coalesce(nullif(u.full_name, ''), u.username), 'system', v.system,
          'old', v.old ->> n.code, 'new', v.new ->> n.code, 'reason', v.reason) AS data
     FROM (SELECT n.* FROM (SELECT f.at AS at, lpad(f.id::text, 19, '0') AS id, f.code, f.source, f.event_id FROM members_factchange f
                             WHERE f.member_id = %(member)s AND 'fact' = ANY (%(kinds)s)) n
            WHERE (%(at)s::timestamptz IS NULL OR (n.at, 'fact' COLLATE "C", n.id COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
            ORDER BY n.at DESC, n.id COLLATE "C" DESC LIMIT %(most)s) n
     JOIN audit_auditevent v ON v.id = n.event_id LEFT JOIN access_user u ON u.id = v.actor_id)
  UNION ALL
  (SELECT n.at, 'message' AS kind, n.id, jsonb_build_object('topic', n.topic, 'kind', n.payload ->> 'kind', 'done_at', n.done_at, 'stuck', n.quarantined_at IS NOT NULL) AS data
     FROM (SELECT n.* FROM (SELECT o.due_at AS at, o.id::text AS id, o.topic, o.payload, o.done_at, o.quarantined_at FROM outbox_obligation o
                             WHERE o.member_id = %(member)s AND o.topic NOT LIKE 'points.transfer%%' AND 'message' = ANY (%(kinds)s)) n
            WHERE (%(at)s::timestamptz IS NULL OR (n.at, 'message' COLLATE "C", n.id COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
            ORDER BY n.at DESC, n.id COLLATE "C" DESC LIMIT %(most)s) n)
  UNION ALL
  (SELECT n.at, 'look' AS kind, n.id, jsonb_build_object('verb', n.verb, 'by', coalesce(nullif(u.full_name, ''), u.username), 'system', n.system, 'reason', n.reason,
          'address', host(n.address)) AS data
     FROM (SELECT n.* FROM (SELECT v.at AS at, v.id::text AS id, v.verb, v.actor_id, v.system, v.reason, v.address FROM audit_auditevent v
                             WHERE v.subject_kind = 'member' AND v.subject_id = %(member)s::text AND v.verb LIKE 'members.reveal%%' AND 'look' = ANY (%(kinds)s)) n
            WHERE (%(at)s::timestamptz IS NULL OR (n.at, 'look' COLLATE "C", n.id COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
            ORDER BY n.at DESC, n.id COLLATE "C" DESC LIMIT %(most)s) n
     LEFT JOIN access_user u ON u.id = n.actor_id)
  UNION ALL
  (SELECT n.at, 'audit' AS kind, n.id, jsonb_build_object('verb', n.verb, 'by', coalesce(nullif(u.full_name, ''), u.username), 'system', n.system, 'reason', n.reason,
          'address', host(n.address)) AS data
     FROM (SELECT n.* FROM (SELECT v.at AS at, v.id::text AS id, v.verb, v.actor_id, v.system, v.reason, v.address FROM audit_auditevent v
                             WHERE v.subject_kind = 'member' AND v.subject_id = %(member)s::text AND v.verb NOT LIKE 'members.reveal%%' AND 'audit' = ANY (%(kinds)s)) n
            WHERE (%(at)s::timestamptz IS NULL OR (n.at, 'audit' COLLATE "C", n.id COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
            ORDER BY n.at DESC, n.id COLLATE "C" DESC LIMIT %(most)s) n
     LEFT JOIN access_user u ON u.id = n.actor_id)
  UNION ALL
  (SELECT n.at, 'request' AS kind, n.id, jsonb_build_object('kind', n.kind, 'status', n.status, 'by', coalesce(nullif(u.full_name, ''), u.username), 'reason', n.reason) AS data
     FROM (SELECT n.* FROM (SELECT q.requested_at AS at, q.id::text AS id, q.kind, q.status, q.requested_by_id, q.reason FROM approvals_request q JOIN access_branch b ON b.id = q.branch_id
                             WHERE q.id IN (SELECT t.request_id FROM approvals_target t WHERE t.subject = ANY (%(subjects)s))
                               AND (%(patterns)s::text[] IS NULL OR b.path LIKE ANY (%(patterns)s::text[])) AND 'request' = ANY (%(kinds)s)) n
            WHERE (%(at)s::timestamptz IS NULL OR (n.at, 'request' COLLATE "C", n.id COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
            ORDER BY n.at DESC, n.id COLLATE "C" DESC LIMIT %(most)s) n
     JOIN access_user u ON u.id = n.requested_by_id)
)
SELECT at, kind, id, data FROM happened ORDER BY at DESC, kind COLLATE "C" DESC, id COLLATE "C" DESC LIMIT %(most)s
