-- Takes: as_of, on, days_before, topic, and from tiers.warning the query `measured` (the members whose tier can be decided on as of
-- `on`, with what is known today), `judged` (what the review of `on` would decide on them) and `earlier` (what the last review
-- before it would by the same figures, or of what is decided afresh by its own), `afresh` (the programmes that decide so every night),
-- quiet_days. Owes a warning to who would go down on that date and not before, of what is decided afresh to who was not warned of a
-- night up to quiet_days before; the row count says how many are new. Indexes: obligations by (member, topic, key), standings by (member, programme), the primary key of members, running totals by theirs.
WITH measured AS MATERIALIZED (
{measured}
), judged AS (
{judged}
), earlier AS (
{earlier}
)
INSERT INTO outbox_obligation (topic, member_id, key, payload)
SELECT %(topic)s, judged.member_id, concat_ws('/', judged.programme_id, %(on)s::date, %(days_before)s), jsonb_build_object(
  'programme_id', judged.programme_id, 'on', %(on)s::date, 'days_before', %(days_before)s,
  'from_tier_id', judged.tiers[judged.present], 'to_tier_id', judged.tiers[judged.reached], 'rule_book_id', judged.rule_book_id,
  'figures', judged.figures)
FROM judged
WHERE judged.outcome = 'downgraded' AND NOT EXISTS (
  SELECT FROM earlier
  WHERE earlier.member_id = judged.member_id AND earlier.programme_id = judged.programme_id AND earlier.outcome IN ('downgraded', 'grace'))
  AND NOT (judged.programme_id = ANY (%(afresh)s::bigint[]) AND EXISTS (
    SELECT FROM outbox_obligation AS warned
    WHERE warned.member_id = judged.member_id AND warned.topic = %(topic)s AND (warned.payload ->> 'programme_id')::bigint = judged.programme_id
      AND (warned.payload ->> 'on')::date BETWEEN %(on)s::date - %(quiet_days)s AND %(on)s::date))
ON CONFLICT ON CONSTRAINT obligation_once_per_member_topic_and_key DO NOTHING
