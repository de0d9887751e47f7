-- Count a try of a second factor's code, anew where the last span is over, in one step, so that none of several at once is lost.
-- Takes %(user)s, %(from_known)s, %(at)s, %(over)s the instant before which a span began that is over, %(most)s tries.
-- Gives whether this try may be made. Served by factor_tries_counted_once.
INSERT INTO access_factortries AS kept (user_id, from_known, began_at, tries)
VALUES (%(user)s, %(from_known)s, %(at)s, 1)
ON CONFLICT (user_id, from_known) DO UPDATE
   SET began_at = CASE WHEN kept.began_at <= %(over)s THEN excluded.began_at ELSE kept.began_at END,
       tries = CASE WHEN kept.began_at <= %(over)s THEN 1 ELSE LEAST(kept.tries + 1, %(most)s + 1) END
RETURNING tries <= %(most)s
