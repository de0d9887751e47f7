-- Post a batch given as array literals, column by column, in the order of ledger.COLUMNS; then the business date, or NULL.
SELECT seq, outcome, number, balance_after
  FROM points_post(%s::bigint[], %s::smallint[], %s::uuid[], %s::smallint[], %s::bigint[], %s::date[], %s::date[], %s::date[],
                   %s::text[], %s::integer[], %s::jsonb[], %s)
