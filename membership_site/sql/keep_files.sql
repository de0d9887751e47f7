-- Set when the files of a seventh of a range of members are due for review, by the risk grade reported last, and give those that are due
-- until %(until)s. Takes %(first_member)s, %(last_member)s, %(seventh)s (0 to 6), %(as_of)s, arrays %(grades)s (descending) and %(months)s:
-- who has that grade or a riskier one is due so many months after his last review, who has none %(longest)s after it.
-- Gives member_id and due_on of the active members who joined and are due. Served by the primary keys.
WITH graded AS (
  SELECT DISTINCT ON (g.member_id) g.member_id, g.grade FROM activity_gradereport g
   WHERE g.member_id BETWEEN %(first_member)s AND %(last_member)s AND g.member_id %% 7 = %(seventh)s AND g.scale = 'risk' AND g.day <= %(as_of)s
   ORDER BY g.member_id, g.day DESC, g.revision DESC
), reckoned AS (
  SELECT f.member_id, (f.reviewed_on + make_interval(months => coalesce(
           (SELECT r.months FROM unnest(%(grades)s::int[], %(months)s::int[]) AS r (grade, months) WHERE g.grade >= r.grade ORDER BY r.grade DESC LIMIT 1),
           %(longest)s)))::date AS due_on
    FROM members_memberfile f LEFT JOIN graded g ON g.member_id = f.member_id
   WHERE f.member_id BETWEEN %(first_member)s AND %(last_member)s AND f.member_id %% 7 = %(seventh)s
   ORDER BY f.member_id FOR NO KEY UPDATE OF f
), changed AS (
  UPDATE members_memberfile f SET due_on = r.due_on FROM reckoned r WHERE r.member_id = f.member_id AND f.due_on <> r.due_on
)
SELECT r.member_id, r.due_on FROM reckoned r JOIN members_member m ON m.id = r.member_id
 WHERE r.due_on <= %(until)s AND m.status = 'active' AND m.accepted_at IS NOT NULL ORDER BY r.member_id
