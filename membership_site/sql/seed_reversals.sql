-- Generated refunds of a range of members: every twentieth card payment, half of them whole, half of them a third, some days later.
-- Takes first, last (member ids), until (the last day), source. Gives one row per reversal; what is refunded after `until` is left out.
INSERT INTO activity_reversal (member_id, source_id, external_id, original_source_id, original_external_id, amount_minor, currency,
                               occurred_at, occurred_on, booked_on, of_minor, reversed_before_minor, reversed_minor)
SELECT a.member_id, a.source_id, 'R' || a.external_id, a.source_id, a.external_id, r.amount, a.currency, a.occurred_at + r.later,
       a.occurred_on + r.days, greatest(a.occurred_on + r.days, a.booked_on), a.amount_minor, 0, r.amount
  FROM activity_activity a
 CROSS JOIN LATERAL (SELECT hashtext(a.external_id) AS dice) d
 CROSS JOIN LATERAL (
   SELECT 1 + (dice & 7) AS days, make_interval(days => 1 + (dice & 7)) AS later,
          CASE WHEN dice & 8 = 0 THEN a.amount_minor ELSE a.amount_minor / 3 END AS amount) r
 WHERE a.member_id BETWEEN %(first)s AND %(last)s AND a.source_id = %(source)s AND a.kind = 'card_spend'
   AND (dice >> 4) %% 20 = 0 AND r.amount > 0 AND a.occurred_on + r.days <= %(until)s
ON CONFLICT DO NOTHING
