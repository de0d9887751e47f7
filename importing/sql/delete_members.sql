-- Takes %(import)s; deletes the members that came in new by it, whom nothing else names. Served by imported_member_by_import.
WITH gone AS (DELETE FROM importing_importedmember WHERE of_id = %(import)s RETURNING member_id)
DELETE FROM members_member m USING gone WHERE m.id = gone.member_id
