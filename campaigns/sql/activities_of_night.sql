-- Gives the activities booked on %(business_date)s of the members %(first_member)s to %(last_member)s that have not earned on line, but for
-- those of suspended members; of a record that was merged since, as the record's that stays.
-- Served by the activity's primary key (member ranges) and the BRIN index on booked_on; merged records and suspended ones are few, and have
-- an index.
SELECT coalesce(g.merged_into_id, a.member_id) AS member_id, a.source_id, a.external_id, a.account_id, a.direction, a.kind, a.purpose,
    a.amount_minor, a.currency, a.occurred_at, a.occurred_on, a.booked_on, a.channel, a.merchant_category, a.product, a.branch, a.attributes
FROM activity_activity a
LEFT JOIN members_member g ON g.id = a.member_id AND g.merged_into_id IS NOT NULL
WHERE a.member_id BETWEEN %(first_member)s AND %(last_member)s AND a.booked_on = %(business_date)s AND NOT a.earned_at_once
    AND coalesce(g.merged_into_id, a.member_id) NOT IN (SELECT id FROM members_member WHERE status = 'suspended')
