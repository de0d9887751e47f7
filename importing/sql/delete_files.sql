-- Takes %(import)s; deletes the files kept of the members that came in new by it. Served by imported_member_by_import.
DELETE FROM members_memberfile f USING importing_importedmember n WHERE n.of_id = %(import)s AND f.member_id = n.member_id
