-- One entry `e` as one line of UTF-8, whatever the session's settings: thirteen fields between tabs, an end of line (docs/seal.md).
-- The cause is written as a JSON string, so that no text in it can pass for a tab or an end of line. It stands here and not in a
-- function of the database, whose owner could change it.
concat(e.member_id, E'\t', e.currency_id, E'\t', e.number, E'\t', e.kind, E'\t', e.points, E'\t', e.balance_after, E'\t',
       e.event_key, E'\t', to_char(e.occurred_on::timestamp, 'YYYY-MM-DD'), E'\t', to_char(e.booked_on::timestamp, 'YYYY-MM-DD'), E'\t',
       to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), E'\t', to_json(e.cause::text), E'\t',
       e.rule_version_id, E'\t', e.figures, E'\n')
