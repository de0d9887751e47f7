-- Takes grade_stage and `booking_date`, the members being locked; inserts the next revision where the grade differs from the last one.
-- Gives recorded, duplicate, superseded (a later row of the batch names the same member, scale and day), unknown_member.
-- Served by the unique index of members_member.number and the primary key of activity_gradereport.
WITH judged AS (
  SELECT s.seq, s.source_id, s.scale, s.day, s.grade, coalesce(m.merged_into_id, m.id) AS member_id, last.revision,
         CASE WHEN s.seq < max(s.seq) OVER (PARTITION BY s.member_number, s.scale, s.day) THEN 'superseded'
              WHEN m.id IS NULL THEN 'unknown_member'
              WHEN s.grade = last.grade THEN 'duplicate'
              ELSE 'recorded' END AS outcome
  FROM grade_stage s
  LEFT JOIN members_member m ON m.number = s.member_number
  LEFT JOIN LATERAL (
    SELECT g.revision, g.grade FROM activity_gradereport g
    WHERE g.member_id = coalesce(m.merged_into_id, m.id) AND g.scale = s.scale AND g.day = s.day
    ORDER BY g.revision DESC LIMIT 1
  ) last ON true
), recorded AS (
  INSERT INTO activity_gradereport (member_id, scale, day, revision, grade, booked_on, source_id)
  SELECT member_id, scale, day, coalesce(revision, 0) + 1, grade, greatest(day, %(booking_date)s), source_id
  FROM judged WHERE outcome = 'recorded'
  ORDER BY member_id, scale, day
)
UPDATE grade_stage s SET outcome = j.outcome FROM judged j WHERE j.seq = s.seq;
