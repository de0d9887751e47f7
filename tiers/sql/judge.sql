-- One programme's part of `judged` in review.sql: who moves, and to where. `present` and `target` are places in the ladder from
-- 1, standard. Without a validity each review decides afresh; with one, a lower target waits for the last review that is dated on or
-- before valid_until, which renews or lowers. Standard has no validity; a standing without one, from an older rule book, is due.
-- Who was decided as of this date or a later one is left alone.
SELECT member_id, {programme}::bigint AS programme_id, {rule_book}::bigint AS rule_book_id, {tiers}::bigint[] AS tiers, present, target,
  outcome, {figures} AS figures,
  CASE WHEN target > 1 THEN (date_trunc('month',
    CASE WHEN outcome = 'renewed' THEN due ELSE %(as_of)s END + make_interval(months => {validity})
  ) + interval '1 month - 1 day')::date END AS new_valid_until
FROM (
  SELECT *, CASE
    WHEN target > present THEN 'upgraded'
    WHEN target < present AND ({validity} IS NULL OR due <= %(as_of)s) THEN 'downgraded'
    WHEN target = present AND present > 1 AND {validity} IS NOT NULL AND due <= %(as_of)s THEN 'renewed' END AS outcome
  FROM (
    SELECT *, {target} AS target
    FROM (
      SELECT measured.*, coalesce(array_position({tiers}::bigint[], standing.tier_id), 1) AS present,
        coalesce(standing.valid_until, %(as_of)s) AS due
      FROM measured
      LEFT JOIN tiers_standing AS standing ON standing.member_id = measured.member_id AND standing.programme_id = {programme}
      WHERE standing.decided_on IS NULL OR standing.decided_on < %(as_of)s
    ) AS measured
  ) AS targeted
) AS judged
WHERE outcome IS NOT NULL
