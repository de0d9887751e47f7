-- Move the members %(members)s that stand in one of the states %(origins)s to the status %(status)s, and keep each move; the others stay.
-- They are locked in the order of their ids, so that of two moves at once the second finds what the first has made. Who has never accepted
-- is invited where he would be active. `booked_on` is the business date whose night is the first to find him moved. Gives a row a member: id, from, to. Served by the members' key.
WITH locked AS MATERIALIZED (
  SELECT id, status, accepted_at FROM members_member WHERE id = ANY (%(members)s) ORDER BY id FOR NO KEY UPDATE),
standing AS (
  SELECT id, CASE WHEN status = 'active' AND accepted_at IS NULL THEN 'invited' ELSE status END AS state FROM locked),
moved AS (
  UPDATE members_member m
     SET status = %(status)s::varchar, closed_on = CASE WHEN %(status)s::varchar = 'closed' THEN %(on)s::date END,
         accepted_at = coalesce(m.accepted_at, %(accepted_at)s::timestamptz), leaves_at = NULL,
         woken_at = CASE WHEN s.state = 'dormant' AND %(status)s::varchar = 'active' THEN %(at)s::timestamptz ELSE m.woken_at END
    FROM standing s
   WHERE m.id = s.id AND s.state = ANY (%(origins)s)
  RETURNING m.id, s.state AS from_state,
            CASE WHEN m.status = 'active' AND m.accepted_at IS NULL THEN 'invited' ELSE m.status END AS to_state)
INSERT INTO members_statuschange (member_id, from_state, to_state, changed_on, booked_on, reason, note, actor_id)
SELECT id, from_state, to_state, %(on)s::date, b.booked_on, %(reason)s, %(note)s, %(actor)s::bigint 
  FROM moved, (SELECT CASE WHEN EXISTS (SELECT FROM jobs_businessdate WHERE status = 'open') THEN bank_booking_date() END AS booked_on) b
 ORDER BY id
RETURNING member_id, from_state, to_state
