-- Takes: business_date, first_member, last_member, tiers_afresh. Adds to tiers_jump how snapshots booked on the business date change
-- the member's assets: a balance reported for a day raises them by what it differs from the balance carried into that day, until
-- the account's next snapshot or its closing. For tiers_afresh all snapshots booked by the date, from nothing.
-- The first snapshot gives a jump even of zero: averages begin on its day.
-- Indexes: BRIN of booked_on; the primary key (member, account, day, revision) for the balance before and the snapshot after.
WITH wanted AS (
  SELECT account.member_id, account.id AS account_id, series.id AS series_id, series.counted_from,
    CASE WHEN account.closing_booked_on <= %(business_date)s THEN coalesce(account.closed_on, 'infinity') ELSE 'infinity' END AS closed_on
  FROM members_account AS account
  JOIN tiers_series AS series ON series.metric = 'average_assets' AND account.account_class = ANY (
    CASE WHEN series.selection = '{}' THEN ARRAY['deposit', 'wealth', 'insurance'] ELSE series.selection END)
  WHERE account.member_id BETWEEN %(first_member)s AND %(last_member)s
), reported AS (
  SELECT snapshot.member_id, snapshot.account_id, snapshot.day, snapshot.revision, snapshot.amount_minor,
    wanted.series_id, wanted.closed_on, %(business_date)s AS since
  FROM activity_balancesnapshot AS snapshot
  JOIN wanted USING (member_id, account_id)
  WHERE snapshot.booked_on = %(business_date)s AND snapshot.member_id BETWEEN %(first_member)s AND %(last_member)s
    AND wanted.counted_from < %(business_date)s AND snapshot.day < wanted.closed_on
    AND NOT EXISTS (
      SELECT FROM tiers_afresh AS afresh WHERE (afresh.member_id, afresh.series_id) = (snapshot.member_id, wanted.series_id))
  UNION ALL
  SELECT snapshot.member_id, snapshot.account_id, snapshot.day, snapshot.revision, snapshot.amount_minor,
    wanted.series_id, wanted.closed_on, '-infinity'
  FROM tiers_afresh AS afresh
  JOIN wanted ON (wanted.member_id, wanted.series_id) = (afresh.member_id, afresh.series_id)
  JOIN activity_balancesnapshot AS snapshot ON (snapshot.member_id, snapshot.account_id) = (wanted.member_id, wanted.account_id)
  WHERE snapshot.booked_on <= %(business_date)s AND snapshot.member_id BETWEEN %(first_member)s AND %(last_member)s
    AND snapshot.day < wanted.closed_on
), effective AS (
  SELECT DISTINCT ON (member_id, series_id, account_id, day) * FROM reported
  ORDER BY member_id, series_id, account_id, day, revision DESC
), ordered AS (
  SELECT *, lead(day) OVER (PARTITION BY member_id, series_id, account_id ORDER BY day) AS next_reported FROM effective
), before AS (
  -- What the account stood at when the night began: most snapshots follow it, so they need no look-up of their own.
  SELECT seen.member_id, seen.account_id, seen.since, latest.day, latest.amount_minor
  FROM (SELECT DISTINCT member_id, account_id, since FROM reported) AS seen
  CROSS JOIN LATERAL (
    SELECT snapshot.day, snapshot.amount_minor FROM activity_balancesnapshot AS snapshot
    WHERE (snapshot.member_id, snapshot.account_id) = (seen.member_id, seen.account_id)
      AND seen.since > '-infinity' AND snapshot.booked_on < seen.since
    ORDER BY snapshot.day DESC, snapshot.revision DESC LIMIT 1
  ) AS latest
), carried AS (
  SELECT ordered.member_id, ordered.series_id, ordered.day, ordered.amount_minor,
    CASE WHEN ordered.day > before.day THEN before.amount_minor ELSE coalesce(earlier.amount_minor, 0) END AS amount_before,
    least(ordered.closed_on, ordered.next_reported, later.day) AS until
  FROM ordered
  LEFT JOIN before USING (member_id, account_id, since)
  LEFT JOIN LATERAL (
    SELECT snapshot.amount_minor FROM activity_balancesnapshot AS snapshot
    WHERE (snapshot.member_id, snapshot.account_id) = (ordered.member_id, ordered.account_id)
      AND ordered.day <= before.day AND snapshot.day <= ordered.day AND snapshot.booked_on < ordered.since
    ORDER BY snapshot.day DESC, snapshot.revision DESC LIMIT 1
  ) AS earlier ON true
  LEFT JOIN LATERAL (
    SELECT snapshot.day FROM activity_balancesnapshot AS snapshot
    WHERE (snapshot.member_id, snapshot.account_id) = (ordered.member_id, ordered.account_id)
      AND ordered.day < before.day AND snapshot.day > ordered.day AND snapshot.booked_on < ordered.since
    ORDER BY snapshot.day LIMIT 1
  ) AS later ON true
)
INSERT INTO tiers_jump (member_id, series_id, day, change)
SELECT member_id, series_id, day, amount_minor - amount_before FROM carried
UNION ALL
SELECT member_id, series_id, until, amount_before - amount_minor FROM carried
WHERE until < 'infinity' AND amount_before <> amount_minor
