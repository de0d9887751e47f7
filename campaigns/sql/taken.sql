-- Gives each activity `a` beside each rule version `v` that takes it: the version in force on its day whose every condition holds.
-- A piece of evaluate.sql and first_time.sql, which define `version`; the query of the activities is put in below.
FROM (
    {activities}
) a
JOIN activity_source s ON s.id = a.source_id
JOIN version v ON v.in_force_from <= a.occurred_on AND a.occurred_on < v.replaced_on
    AND v.direction IN ('', a.direction)
    AND (v.kinds_in = '{}' OR a.kind = ANY (v.kinds_in)) AND a.kind <> ALL (v.kinds_out)
    AND (v.purposes_in = '{}' OR a.purpose = ANY (v.purposes_in)) AND a.purpose <> ALL (v.purposes_out)
    AND (v.products_in = '{}' OR a.product = ANY (v.products_in)) AND a.product <> ALL (v.products_out)
    AND (v.channels_in = '{}' OR a.channel = ANY (v.channels_in)) AND a.channel <> ALL (v.channels_out)
    AND (v.merchant_categories_in = '{}' OR a.merchant_category = ANY (v.merchant_categories_in))
    AND a.merchant_category <> ALL (v.merchant_categories_out)
    AND coalesce(a.amount_minor, 0) >= v.minimum_amount_minor
    -- Amounts are compared and multiplied in the bank's own currency only.
    AND (a.currency = (SELECT currency FROM jobs_bank) OR (v.per = 'activity' AND v.minimum_amount_minor = 0))
