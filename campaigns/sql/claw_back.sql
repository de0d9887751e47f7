-- Takes reversals (one of the two queries beside this file, put in below) and writes what they take back into the temp table
-- `posting`: a row for each entry that the activity earned, where this reversal's share of it comes to a point.
--
-- Share of an entry of E points, of an activity of A: floor(E × (before + now) / A) − floor(E × before / A), `before` being what
-- earlier reversals had taken of the activity. Reversals keep both, so that a share does not depend on when or beside which others it
-- is worked out; and shares in a row add up to the floor of the whole, a full refund to E. `div` is the exact quotient, in numeric;
-- a division would round.
--
-- A clawback of growth points occurs on the day of its earning, since it counts in that day's windows; one of reward points when
-- the activity was reversed. Cap room, tier and multiplier are not reopened (domain.md §3). What has been clawed back or refused
-- already is left out. The lot of the earning goes first, also while it is pending.
-- What an activity earned on a record that was merged since is taken from the record that stays, its lot wherever a merge has moved it to.
-- Served by the entry's unique index on (member, currency, event key); the keys are worked out once, before.
INSERT INTO posting
    (seq, member_id, currency_id, key, kind, points, occurred_on, expires_on, cause, rule_version_id, figures, takes_first)
WITH own AS MATERIALIZED (
    SELECT r.*, coalesce(merged.merged_into_id, r.member_id) AS taken_from, cause.cause, cause.original, giving.rule_id, giving.currency_id, giving.kind, probe.earned_by, probe.key
    FROM (
        {reversals}
    ) r
    LEFT JOIN members_member merged ON merged.id = r.member_id AND merged.merged_into_id IS NOT NULL
    JOIN activity_source s ON s.id = r.source_id
    JOIN activity_source o ON o.id = r.original_source_id
    CROSS JOIN (
        SELECT given.rule_id, given.currency_id, c.kind
        FROM (
            SELECT rule_id, reward_currency_id AS currency_id FROM campaigns_earningruleversion
            UNION
            SELECT rule_id, growth_currency_id FROM campaigns_earningruleversion
        ) given
        JOIN points_pointcurrency c ON c.id = given.currency_id
    ) giving
    CROSS JOIN LATERAL (
        SELECT concat_ws('/', 'reversal', s.code, r.external_id) AS cause,
            concat_ws('/', 'activity', o.code, r.original_external_id) AS original
    ) cause
    -- What a rule gave for the activity, and what it gave for its being the first, whose key names no activity.
    CROSS JOIN LATERAL (VALUES
        (earning_key(cause.original, giving.rule_id, giving.currency_id),
         earning_key(cause.cause, giving.rule_id, giving.currency_id)),
        (earning_key('first-time', giving.rule_id, giving.currency_id),
         earning_key('first-time/' || cause.cause, giving.rule_id, giving.currency_id))
    ) probe (earned_by, key)
)
SELECT
    row_number() OVER (ORDER BY own.member_id, own.occurred_at, own.source_id, own.external_id, own.rule_id, own.currency_id, e.number),
    own.taken_from, own.currency_id, own.key, %(clawback)s, -share.points,
    CASE own.kind WHEN 'growth' THEN e.occurred_on ELSE own.occurred_on END, coalesce(moved.expires_on, lot.expires_on), own.cause, e.rule_version_id,
    jsonb_build_object('entry', e.number, 'earned', e.points, 'reversed_minor', own.reversed_before_minor + own.reversed_minor,
                       'of_minor', CASE WHEN own.amount_minor IS NOT NULL OR own.of_minor > 1 THEN own.of_minor ELSE 0 END,
                       'clawed_before', earlier.points)
        || CASE WHEN own.taken_from <> own.member_id THEN jsonb_build_object('merged_from', own.member_id) ELSE '{}' END,
    coalesce(moved.number, lot.number)
FROM own
CROSS JOIN LATERAL (
    SELECT e.number, e.points, e.occurred_on, e.rule_version_id FROM points_entry e
    WHERE e.member_id = own.member_id AND e.currency_id = own.currency_id AND e.event_key = own.earned_by
        AND e.cause = own.original LIMIT 1
) e
CROSS JOIN LATERAL (SELECT div(e.points::numeric * own.reversed_before_minor, own.of_minor)::bigint AS points) earlier
CROSS JOIN LATERAL (
    SELECT div(e.points::numeric * (own.reversed_before_minor + own.reversed_minor), own.of_minor)::bigint - earlier.points AS points
) share
LEFT JOIN LATERAL (
    SELECT l.number, l.expires_on FROM points_lot l
    WHERE l.member_id = own.member_id AND l.currency_id = own.currency_id AND l.expires_on >= e.occurred_on AND l.number = e.number
) lot ON own.kind = 'reward' AND own.taken_from = own.member_id
-- Where a merge, or its undoing, has moved it: the last credit in the purse that began as this lot.
LEFT JOIN LATERAL (
    SELECT l.number, l.expires_on FROM points_entry c
    JOIN points_lot l ON l.member_id = c.member_id AND l.currency_id = c.currency_id AND l.number = c.number AND l.expires_on >= e.occurred_on
    WHERE c.member_id = own.taken_from AND c.currency_id = own.currency_id AND c.kind = 8 AND c.points > 0
        AND c.figures -> 'origin' = jsonb_build_array(own.member_id, e.number)
        AND EXISTS (SELECT FROM members_merge g WHERE g.gone_id = own.member_id)
    ORDER BY c.number DESC LIMIT 1
) moved ON own.kind = 'reward'
WHERE share.points >= 1
  AND NOT EXISTS (SELECT FROM points_entry x
                  WHERE x.member_id = own.member_id AND x.currency_id = own.currency_id AND x.event_key = own.key)
  -- Nor from a record that it was, or is, merged into.
  AND NOT EXISTS (SELECT FROM members_merge g
                  JOIN points_entry x ON x.member_id IN (g.kept_id, own.taken_from) AND x.currency_id = own.currency_id AND x.event_key = own.key
                  WHERE g.gone_id = own.member_id)
  AND NOT EXISTS (SELECT FROM campaigns_refusedclawback f
                  WHERE f.member_id IN (own.member_id, own.taken_from) AND f.currency_id = own.currency_id AND f.event_key = own.key)
