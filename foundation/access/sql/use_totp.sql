-- Use the code of one step of an authenticator app: of several at once, and of the same again, one wins (reliability.md G05).
-- Takes %(id)s, %(counter)s the step's number, %(at)s. Gives its id; no row where this step, or a later one, was used already.
-- Served by the primary key.
UPDATE mfa_authenticator
   SET data = jsonb_set(data, '{used}', to_jsonb(%(counter)s::bigint)), last_used_at = %(at)s
 WHERE id = %(id)s AND COALESCE((data ->> 'used')::bigint, -1) < %(counter)s
RETURNING id
