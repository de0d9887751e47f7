-- Generated reviews: the files of a range were looked through at some day of the last three years, so that some are due by now.
-- Takes first, last (member ids), today. Gives the rows changed; again, it changes nothing.
UPDATE members_memberfile
   SET reviewed_on = %(today)s::date - (member_id %% 1100)::int,
       due_on = (%(today)s::date - (member_id %% 1100)::int + interval '36 months')::date
 WHERE member_id BETWEEN %(first)s AND %(last)s
