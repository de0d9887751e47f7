-- One programme's part of `judged` in review.sql: whose standing changes, how, and to which tier. `present`, `target`, `floor` and
-- `reached` are places in the ladder from 1, standard; `validity` and `grace` are arrays by place. Rules: domain.md §4.
-- A higher tier is given at a review, every night where the book says so. A tier is due at the last review dated on or before
-- valid_until (without a validity at each): it is renewed where the target is no lower; else it goes down, or into grace first. Grace
-- begins with the end of the validity; a review in it renews, the first one after it lowers. Nobody falls below his floor, which a
-- protection gives, or the whole book for a time. The validity that an invitation or override gave ends with it, early or not.
-- Standard has no validity; a standing without one, from an older book, is due.
-- Who was decided as of this date or a later one is left alone.
SELECT member_id, {programme}::bigint AS programme_id, {rule_book}::bigint AS rule_book_id, {tiers}::bigint[] AS tiers, present, reached,
  outcome, {figures} AS figures,
  CASE WHEN outcome = 'grace' THEN valid_until WHEN outcome IN ('invited', 'overridden', 'frozen') THEN protected_until
    WHEN reached > 1 THEN (date_trunc('month',
      CASE WHEN outcome = 'renewed' THEN greatest(due, %(as_of)s) ELSE %(as_of)s END + make_interval(months => ({validity}::int[])[reached])
    ) + interval '1 month - 1 day')::date END AS new_valid_until,
  CASE WHEN outcome = 'grace' THEN {grace_end} END AS new_grace_until
FROM (
  SELECT *, CASE outcome
    WHEN 'upgraded' THEN target WHEN 'downgraded' THEN greatest(target, floor, CASE WHEN {one_step} THEN present - 1 END)
    WHEN 'invited' THEN floor WHEN 'overridden' THEN floor WHEN 'frozen' THEN floor ELSE present END AS reached
  FROM (
    SELECT *, CASE
      WHEN target > present AND target >= floor AND ({rises}) THEN 'upgraded'
      WHEN floor > present THEN CASE protection WHEN 'override' THEN 'overridden' WHEN 'freeze' THEN 'frozen' ELSE 'invited' END
      WHEN present = 1 OR NOT ({reviews}) THEN NULL
      WHEN target >= present THEN
        CASE WHEN grace_until IS NOT NULL OR (({validity}::int[])[present] IS NOT NULL AND {is_due}) THEN 'renewed' END
      WHEN {never} OR floor >= present OR {protected} THEN NULL
      WHEN grace_until IS NOT NULL THEN CASE WHEN grace_until < %(as_of)s THEN 'downgraded' END
      WHEN ({validity}::int[])[present] IS NOT NULL AND NOT ({is_due}) THEN NULL
      WHEN ({grace}::int[])[present] > 0 THEN 'grace'
      ELSE 'downgraded' END AS outcome
    FROM (
      SELECT *, {target} AS target
      FROM (
        SELECT measured.*, coalesce(array_position({tiers}::bigint[], standing.tier_id), 1) AS present,
          coalesce(array_position({tiers}::bigint[], protection.tier_id), 1) AS floor, protection.kind AS protection,
          protection.until AS protected_until, standing.valid_until, standing.grace_until,
          coalesce(least(standing.valid_until, ended.ended_on), %(as_of)s) AS due
        FROM measured
        LEFT JOIN {standing} AS standing ON standing.member_id = measured.member_id AND standing.programme_id = {programme}
        LEFT JOIN tiers_protection AS protection ON protection.member_id = measured.member_id AND protection.programme_id = {programme}
          AND protection.starts_on <= %(as_of)s AND least(protection.until, protection.ended_on) > %(as_of)s
        LEFT JOIN (
          SELECT member_id, tier_id, until, max(ended_on) AS ended_on FROM tiers_protection
          WHERE programme_id = {programme} AND kind <> 'freeze' AND ended_on <= %(as_of)s AND ended_on < until
          GROUP BY member_id, tier_id, until
        ) AS ended ON ended.member_id = measured.member_id AND ended.tier_id = standing.tier_id AND ended.until = standing.valid_until
        WHERE standing.decided_on IS NULL OR standing.decided_on < %(as_of)s
      ) AS measured
    ) AS targeted
  ) AS judged
) AS settled
WHERE outcome IS NOT NULL
