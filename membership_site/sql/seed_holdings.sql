-- Generated products held: each of six is held by some, opened between joining and now, a tenth closed again.
-- Takes first, last (member ids), seed, until, first_booking, source. Gives one row per member and product.
INSERT INTO activity_holding (member_id, source_id, external_id, revision, product, opened_on, closed_on, booked_on)
SELECT member_id, %(source)s, 'H' || member_id || '-' || product, 1, product, opened_on,
       CASE WHEN dice & 15 = 0 THEN least(opened_on + 200, %(until)s::date) END, greatest(opened_on, %(first_booking)s)
  FROM (
    SELECT m.id AS member_id, p.product, dice, m.joined_on + ((%(until)s::date - m.joined_on) * (dice >> 16 & 4095) / 4096)::int AS opened_on
      FROM members_member m
     CROSS JOIN unnest(ARRAY['credit_card', 'time_deposit', 'fund', 'insurance', 'mortgage', 'gold'],
                       ARRAY[60, 45, 30, 25, 12, 8]) AS p(product, percent)
     CROSS JOIN LATERAL (SELECT hashint8extended(m.id * 10 + length(p.product), %(seed)s + 3) & 9007199254740991 AS dice) d
     WHERE m.id BETWEEN %(first)s AND %(last)s AND m.joined_on <= %(until)s AND (dice >> 32) %% 100 < p.percent) generated
ON CONFLICT DO NOTHING
