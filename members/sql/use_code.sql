-- Try a one-time code: counts the attempt and, where %(digest)s is its digest, uses it, in one step, so that of several at once one wins.
-- Takes %(id)s, %(purposes)s, %(digest)s, %(at)s. Gives whether it was right; no row where the code is used, replaced, over, or tried
-- %(most)s times already. Served by the primary key.
UPDATE members_onetimecode
   SET attempts = attempts + 1, used_at = CASE WHEN digest = %(digest)s THEN %(at)s END
 WHERE id = %(id)s AND purpose = ANY (%(purposes)s) AND used_at IS NULL AND replaced_at IS NULL AND attempts < %(most)s AND expires_at > %(at)s
RETURNING used_at IS NOT NULL
