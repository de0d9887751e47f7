-- One time line of a member out of all that happened with him, the latest first: one row per happening, at most %(most)s, past the row
-- (%(at)s, %(kind)s, %(id)s) where `at` is given. Takes %(member)s, %(kinds)s (which sources), %(subjects)s (what requests about him are
-- about), %(patterns)s (branch paths whose requests may be read, NULL for all). Gives at, kind, id, data.
-- Every source gives its own latest %(most)s, by an index that begins with the member, and the merge keeps the latest of those.
-- Texts compare by their bytes, so that the order is one whatever the database's language.
WITH happened AS (
  (SELECT a.occurred_at AS at, 'activity' AS kind, a.source_id || '/' || a.external_id AS id, jsonb_build_object('kind', a.kind, 'words',
          jsonb_build_array(a.purpose, a.product, a.merchant_category, a.channel, a.branch), 'minor', a.amount_minor, 'currency', a.currency,
          'direction', a.direction, 'source', a.source_id, 'external', a.external_id) AS data
     FROM activity_activity a
    WHERE a.member_id = %(member)s AND 'activity' = ANY (%(kinds)s)
      AND (%(at)s::timestamptz IS NULL OR (a.occurred_at, 'activity' COLLATE "C", (a.source_id || '/' || a.external_id) COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
    ORDER BY a.occurred_at DESC, (a.source_id || '/' || a.external_id) COLLATE "C" DESC LIMIT %(most)s)
  UNION ALL
  (SELECT r.occurred_at, 'refund', r.source_id || '/' || r.external_id,
          jsonb_build_object('minor', r.reversed_minor, 'currency', r.currency, 'of', r.original_external_id, 'priced', r.of_minor > 1)
     FROM activity_reversal r
    WHERE r.member_id = %(member)s AND 'refund' = ANY (%(kinds)s)
      AND (%(at)s::timestamptz IS NULL OR (r.occurred_at, 'refund' COLLATE "C", (r.source_id || '/' || r.external_id) COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
    ORDER BY r.occurred_at DESC, (r.source_id || '/' || r.external_id) COLLATE "C" DESC LIMIT %(most)s)
  UNION ALL
  (SELECT e.recorded_at, 'entry', e.currency_id || '/' || lpad(e.number::text, 10, '0'),
          jsonb_build_object('kind', e.kind, 'points', e.points, 'currency', e.currency_id, 'number', e.number, 'after', e.balance_after)
     FROM points_entry e
    WHERE e.member_id = %(member)s AND 'entry' = ANY (%(kinds)s)
      AND (%(at)s::timestamptz IS NULL OR (e.recorded_at, 'entry' COLLATE "C", (e.currency_id || '/' || lpad(e.number::text, 10, '0')) COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
    ORDER BY e.recorded_at DESC, (e.currency_id || '/' || lpad(e.number::text, 10, '0')) COLLATE "C" DESC LIMIT %(most)s)
  UNION ALL
  (SELECT d.recorded_at, 'tier', lpad(d.id::text, 19, '0'),
          jsonb_build_object('outcome', d.outcome, 'from', d.from_tier_id, 'to', d.to_tier_id, 'as_of', d.as_of)
     FROM tiers_decision d
    WHERE d.member_id = %(member)s AND 'tier' = ANY (%(kinds)s)
      AND (%(at)s::timestamptz IS NULL OR (d.recorded_at, 'tier' COLLATE "C", lpad(d.id::text, 19, '0') COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
    ORDER BY d.recorded_at DESC, d.id DESC LIMIT %(most)s)
  UNION ALL
  (SELECT c.at, 'consent', lpad(c.id::text, 19, '0'),
          jsonb_build_object('titles', t.titles, 'version', t.version, 'given', c.given, 'channel', c.channel)
     FROM members_consent c JOIN members_consenttext t ON t.id = c.text_id
    WHERE c.member_id = %(member)s AND 'consent' = ANY (%(kinds)s)
      AND (%(at)s::timestamptz IS NULL OR (c.at, 'consent' COLLATE "C", lpad(c.id::text, 19, '0') COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
    ORDER BY c.at DESC, c.id DESC LIMIT %(most)s)
  UNION ALL
  (SELECT f.at, 'fact', lpad(f.id::text, 19, '0'),
          jsonb_build_object('code', f.code, 'source', f.source, 'by', coalesce(nullif(u.full_name, ''), u.username), 'system', v.system,
          'old', v.old ->> f.code, 'new', v.new ->> f.code, 'reason', v.reason)
     FROM members_factchange f JOIN audit_auditevent v ON v.id = f.event_id LEFT JOIN access_user u ON u.id = v.actor_id
    WHERE f.member_id = %(member)s AND 'fact' = ANY (%(kinds)s)
      AND (%(at)s::timestamptz IS NULL OR (f.at, 'fact' COLLATE "C", lpad(f.id::text, 19, '0') COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
    ORDER BY f.at DESC, f.id DESC LIMIT %(most)s)
  UNION ALL
  (SELECT o.due_at, 'message', o.id::text,
          jsonb_build_object('topic', o.topic, 'kind', o.payload ->> 'kind', 'done_at', o.done_at, 'stuck', o.quarantined_at IS NOT NULL)
     FROM outbox_obligation o
    WHERE o.member_id = %(member)s AND 'message' = ANY (%(kinds)s) AND o.topic NOT LIKE 'points.transfer%%'
      AND (%(at)s::timestamptz IS NULL OR (o.due_at, 'message' COLLATE "C", o.id::text COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
    ORDER BY o.due_at DESC, o.id::text COLLATE "C" DESC LIMIT %(most)s)
  UNION ALL
  (SELECT v.at, CASE WHEN v.verb LIKE 'members.reveal%%' THEN 'look' ELSE 'audit' END, v.id::text,
          jsonb_build_object('verb', v.verb, 'by', coalesce(nullif(u.full_name, ''), u.username), 'system', v.system, 'reason', v.reason,
          'address', host(v.address))
     FROM audit_auditevent v LEFT JOIN access_user u ON u.id = v.actor_id
    WHERE v.subject_kind = 'member' AND v.subject_id = %(member)s::text
      AND CASE WHEN v.verb LIKE 'members.reveal%%' THEN 'look' ELSE 'audit' END = ANY (%(kinds)s)
      AND (%(at)s::timestamptz IS NULL OR (v.at, CASE WHEN v.verb LIKE 'members.reveal%%' THEN 'look' ELSE 'audit' END COLLATE "C", v.id::text COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
    ORDER BY v.at DESC, CASE WHEN v.verb LIKE 'members.reveal%%' THEN 'look' ELSE 'audit' END COLLATE "C" DESC, v.id::text COLLATE "C" DESC LIMIT %(most)s)
  UNION ALL
  (SELECT q.requested_at, 'request', q.id::text,
          jsonb_build_object('kind', q.kind, 'status', q.status, 'by', coalesce(nullif(u.full_name, ''), u.username), 'reason', q.reason)
     FROM approvals_request q JOIN access_branch b ON b.id = q.branch_id JOIN access_user u ON u.id = q.requested_by_id
    WHERE 'request' = ANY (%(kinds)s) AND q.id IN (SELECT t.request_id FROM approvals_target t WHERE t.subject = ANY (%(subjects)s))
      AND (%(patterns)s::text[] IS NULL OR b.path LIKE ANY (%(patterns)s::text[]))
      AND (%(at)s::timestamptz IS NULL OR (q.requested_at, 'request' COLLATE "C", q.id::text COLLATE "C") < (%(at)s::timestamptz, %(kind)s, %(id)s))
    ORDER BY q.requested_at DESC, q.id::text COLLATE "C" DESC LIMIT %(most)s)
)
SELECT at, kind, id, data FROM happened ORDER BY at DESC, kind COLLATE "C" DESC, id COLLATE "C" DESC LIMIT %(most)s
