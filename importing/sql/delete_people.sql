-- Takes %(import)s; deletes who the members are that came in new by it, key and all. Served by imported_member_by_import.
DELETE FROM members_person p USING importing_importedmember n WHERE n.of_id = %(import)s AND p.member_id = n.member_id
