-- Gives from which day on the bank's facts are known: of what the first close took the earliest, or else the first business date. A fact
-- that is older and came later is no history.
-- Index: BRIN of booked_on.
SELECT least(
  bank.first_business_date,
  (SELECT min(occurred_on) FROM activity_activity WHERE booked_on = bank.first_business_date),
  (SELECT min(day) FROM activity_balancesnapshot WHERE booked_on = bank.first_business_date)
)
FROM jobs_bank AS bank
