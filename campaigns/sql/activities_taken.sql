-- Gives the activities that this transaction recorded: those of the temp table activity_stage (see activity.recording) that are new.
SELECT t.* FROM activity_stage t WHERE t.outcome = 'recorded'
