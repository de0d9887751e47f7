DROP TRIGGER close_purses ON members_member;
DROP FUNCTION points_close_purses;
