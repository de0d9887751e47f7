-- Takes: business_date, first_member, last_member. Fills tiers_afresh with every member's every series that counts by the date.
INSERT INTO tiers_afresh (member_id, series_id)
SELECT member.id, series.id
FROM tiers_series AS series, members_member AS member
WHERE series.counted_from <= %(business_date)s AND member.id BETWEEN %(first_member)s AND %(last_member)s
