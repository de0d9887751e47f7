DROP FUNCTION points_freeze;
