-- Reckon how whole and how fresh files are (docs/member-file.md): a fact of weight w that was told at t and is stale from u on counts
-- w * max(0, (u - day) / (u - t)), one that never goes stale w, one that is not held, or whose consent was taken back, nothing.
--   completeness = sum of w held / sum of w      freshness = sum of what they count / sum of w held      score = their product
-- Takes %(codes)s, %(weights)s, %(months)s (until stale, 0: never) of the facts that count, %(required)s (purposes that every membership
-- rests on), %(day)s, %(first)s and %(last)s member, and %(members)s, an array that narrows them, or NULL, %(seventh)s likewise. Gives the rows updated.
-- One statement for any number of files; served by the primary key and consent_by_member.
WITH counted AS (
  SELECT * FROM unnest(%(codes)s::text[], %(weights)s::int[], %(months)s::int[]) WITH ORDINALITY AS c (code, weight, months, place)
), file AS MATERIALIZED (
  SELECT f.member_id, f.held FROM members_memberfile f
   WHERE f.member_id BETWEEN %(first)s AND %(last)s AND (%(seventh)s::int IS NULL OR f.member_id %% 7 = %(seventh)s::int)
     AND (%(members)s::bigint[] IS NULL OR f.member_id = ANY (%(members)s::bigint[]))
   ORDER BY f.member_id FOR NO KEY UPDATE
), said AS (
  SELECT DISTINCT ON (c.member_id, t.purpose) c.member_id, t.purpose, c.given
    FROM file f JOIN members_consent c ON c.member_id = f.member_id JOIN members_consenttext t ON t.id = c.text_id
   WHERE t.purpose <> ALL (%(required)s::text[])
   ORDER BY c.member_id, t.purpose, c.id DESC
), judged AS (
  SELECT f.member_id, c.code, c.weight, c.place,
         (h.one ->> 'purpose' = ANY (%(required)s::text[]) OR s.given) IS TRUE AS is_held,
         (h.one ->> 'on')::date AS told_on,
         CASE WHEN c.months > 0 THEN ((h.one ->> 'on')::date + make_interval(months => c.months))::date END AS stale_on
    FROM file f CROSS JOIN counted c
   CROSS JOIN LATERAL (SELECT f.held -> c.code AS one) h
    LEFT JOIN said s ON s.member_id = f.member_id AND s.purpose = h.one ->> 'purpose'
), told AS (
  SELECT *, CASE WHEN NOT is_held THEN 0 WHEN stale_on IS NULL THEN weight
                 ELSE weight * least(1, greatest(0, (stale_on - %(day)s::date)::numeric / (stale_on - told_on))) END AS counts
    FROM judged
), reckoned AS (
  SELECT member_id, sum(weight)::numeric AS whole, coalesce(sum(weight) FILTER (WHERE is_held), 0)::numeric AS held, sum(counts) AS counts,
         coalesce(array_agg(code ORDER BY place) FILTER (WHERE NOT is_held), '{}') AS missing,
         coalesce(array_agg(code ORDER BY place) FILTER (WHERE is_held AND stale_on <= %(day)s::date), '{}') AS stale
    FROM told GROUP BY member_id
)
UPDATE members_memberfile f
   SET complete = floor(100 * r.held / r.whole), fresh = CASE WHEN r.held = 0 THEN 0 ELSE floor(100 * r.counts / r.held) END,
       score = floor(100 * r.counts / r.whole), missing = r.missing, stale = r.stale, scored_on = %(day)s
  FROM reckoned r WHERE r.member_id = f.member_id
