-- Takes purses, keys and entry numbers as array literals side by side; writes each entry's number onto its lot. Served by the primary key.
UPDATE importing_openinglot lot SET entry_number = posted.number
FROM unnest(%(members)s::bigint[], %(currencies)s::smallint[], %(keys)s::uuid[], %(numbers)s::int[])
     AS posted(member_id, currency_id, key, number)
WHERE lot.member_id = posted.member_id AND lot.currency_id = posted.currency_id AND lot.key = posted.key
