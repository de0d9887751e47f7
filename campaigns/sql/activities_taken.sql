-- Gives the activities that this transaction recorded: those of the temp table activity_stage (see activity.recording) that are new.
-- What a suspended member did is kept, and earns once he is reinstated (activities_lifted.sql).
SELECT t.* FROM activity_stage t
WHERE t.outcome = 'recorded' AND NOT EXISTS (SELECT FROM members_member m WHERE m.id = t.member_id AND m.status = 'suspended')
