-- Takes: business_date, first_member, last_member, tiers_afresh. Adds to tiers_jump the number and the amounts of activities on the day
-- they occurred, and what reversals take back of them, on the same day: those booked on the business date, and for tiers_afresh all
-- booked by then. An amount is net of its reversals; the number falls with the reversal that leaves nothing of an activity, as if it
-- had not taken place. Amounts in other currencies than the bank's don't add up; an activity without an amount adds none.
-- Indexes: BRIN of booked_on; member_by_merged_into; the primary key of activities for what is reversed; for tiers_afresh the primary keys, by member.
WITH fact AS NOT MATERIALIZED (
  SELECT activity.member_id, activity.kind, activity.occurred_on, activity.booked_on, 1 AS number,
    CASE WHEN activity.currency = (SELECT currency FROM jobs_bank) THEN coalesce(activity.amount_minor, 0) ELSE 0 END AS amount_minor
  FROM activity_activity AS activity
  WHERE activity.member_id BETWEEN %(first_member)s AND %(last_member)s
  UNION ALL
  SELECT activity.member_id, activity.kind, activity.occurred_on, reversal.booked_on,
    CASE WHEN reversal.reversed_before_minor + reversal.reversed_minor = reversal.of_minor THEN -1 ELSE 0 END,
    CASE WHEN activity.currency = (SELECT currency FROM jobs_bank) AND activity.amount_minor > 0 THEN -reversal.reversed_minor ELSE 0 END
  FROM activity_reversal AS reversal
  JOIN activity_activity AS activity ON (activity.member_id, activity.source_id, activity.external_id)
    = (reversal.member_id, reversal.original_source_id, reversal.original_external_id)
  WHERE reversal.member_id BETWEEN %(first_member)s AND %(last_member)s
  UNION ALL
  -- What was recorded on a record that was merged counts for the one that stays; such records are few.
  SELECT gone.merged_into_id, activity.kind, activity.occurred_on, activity.booked_on, 1,
    CASE WHEN activity.currency = (SELECT currency FROM jobs_bank) THEN coalesce(activity.amount_minor, 0) ELSE 0 END
  FROM members_member AS gone
  JOIN activity_activity AS activity ON activity.member_id = gone.id
  WHERE gone.merged_into_id IS NOT NULL AND gone.merged_into_id BETWEEN %(first_member)s AND %(last_member)s
  UNION ALL
  SELECT gone.merged_into_id, activity.kind, activity.occurred_on, reversal.booked_on,
    CASE WHEN reversal.reversed_before_minor + reversal.reversed_minor = reversal.of_minor THEN -1 ELSE 0 END,
    CASE WHEN activity.currency = (SELECT currency FROM jobs_bank) AND activity.amount_minor > 0 THEN -reversal.reversed_minor ELSE 0 END
  FROM members_member AS gone
  JOIN activity_reversal AS reversal ON reversal.member_id = gone.id
  JOIN activity_activity AS activity ON (activity.member_id, activity.source_id, activity.external_id)
    = (reversal.member_id, reversal.original_source_id, reversal.original_external_id)
  WHERE gone.merged_into_id IS NOT NULL AND gone.merged_into_id BETWEEN %(first_member)s AND %(last_member)s
), counted AS (
  SELECT series.*, series.metric = 'transaction_amount' AS adds_up
  FROM tiers_series AS series WHERE series.metric IN ('transaction_count', 'transaction_amount')
), changed AS (
  SELECT fact.member_id, counted.id AS series_id, fact.occurred_on, CASE WHEN adds_up THEN amount_minor ELSE number END AS change
  FROM fact JOIN counted ON counted.selection = '{}' OR fact.kind = ANY (counted.selection)
  WHERE fact.booked_on = %(business_date)s AND counted.counted_from < %(business_date)s
    AND NOT EXISTS (SELECT FROM tiers_afresh AS afresh WHERE (afresh.member_id, afresh.series_id) = (fact.member_id, counted.id))
  UNION ALL
  SELECT fact.member_id, counted.id, fact.occurred_on, CASE WHEN adds_up THEN amount_minor ELSE number END
  FROM tiers_afresh AS afresh
  JOIN counted ON counted.id = afresh.series_id
  JOIN fact ON fact.member_id = afresh.member_id AND (counted.selection = '{}' OR fact.kind = ANY (counted.selection))
  WHERE fact.booked_on <= %(business_date)s
    -- Looked at once: on most nights nothing counts afresh, and no old fact is read.
    AND EXISTS (SELECT FROM tiers_afresh AS any_afresh JOIN counted AS afresh_of ON afresh_of.id = any_afresh.series_id)
)
INSERT INTO tiers_jump (member_id, series_id, day, change)
SELECT member_id, series_id, occurred_on, sum(change) FROM changed GROUP BY 1, 2, 3 HAVING sum(change) <> 0
