-- What a purse's debits have come to so far: spent, taken by the last of them, how many were posted, their points, freed. One that does not
-- fit takes nothing, one that may owe takes what is there. A debit of p_points has p_own of them from its own lot already; where it does not
-- fit it frees p_free of them, which were set aside for it out of what the purse's others can spend.
CREATE FUNCTION points_spend_step(so_far bigint[], p_points bigint, p_own bigint, p_free bigint, can_spend bigint, may_owe boolean)
RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN so_far[1] + p_points - p_own <= can_spend + so_far[5]
              THEN ARRAY[so_far[1] + p_points - p_own, p_points - p_own, so_far[3] + 1, so_far[4] + p_points, so_far[5]]
              WHEN may_owe
              THEN ARRAY[can_spend + so_far[5], can_spend + so_far[5] - so_far[1], so_far[3] + 1, so_far[4] + p_points, so_far[5]]
              ELSE ARRAY[so_far[1], 0, so_far[3], so_far[4], so_far[5] + p_free] END
$$;
CREATE AGGREGATE points_spend(points bigint, own bigint, free bigint, can_spend bigint, may_owe boolean) (
  SFUNC = points_spend_step, STYPE = bigint[], INITCOND = '{0,0,0,0,0}');
