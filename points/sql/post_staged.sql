-- Post the staged items of the members after(exclusive)..through (NULL: unbounded), in order of seq; give an answer per item.
-- Takes %(after)s, %(through)s, %(business_date)s. An index on posting (member_id) serves it where there are several ranges.
WITH batch AS MATERIALIZED (
  SELECT array_agg(seq) AS seq, array_agg(member_id) AS member_id, array_agg(currency_id) AS currency_id, array_agg(key) AS key,
         array_agg(kind) AS kind, array_agg(points) AS points, array_agg(occurred_on) AS occurred_on,
         array_agg(expires_on) AS expires_on, array_agg(available_on) AS available_on, array_agg(cause) AS cause,
         array_agg(rule_version_id) AS rule_version_id, array_agg(figures) AS figures,
         CASE WHEN bool_or(takes_first IS NOT NULL) THEN array_agg(takes_first) END AS takes_first
    FROM (SELECT * FROM posting
           WHERE (%(after)s::bigint IS NULL OR member_id > %(after)s)
             AND (%(through)s::bigint IS NULL OR member_id <= %(through)s)
           ORDER BY seq) p)
SELECT b.seq[a.seq] AS seq, a.outcome, a.number, a.balance_after
  FROM batch b
 CROSS JOIN LATERAL points_post(
   b.member_id, b.currency_id, b.key, b.kind, b.points, b.occurred_on, b.expires_on, b.available_on, b.cause, b.rule_version_id,
   b.figures, b.takes_first, %(business_date)s) a
