DROP FUNCTION points_give_back, points_capture, points_book_held, points_hold, points_lock, points_bring_up_to_date;
DROP TRIGGER written_once ON points_holdpart;
