-- Cut the stage into member ranges of %(size)s postings (more, where one member has more): the last member of each but the last.
SELECT DISTINCT member_id
  FROM (SELECT member_id, row_number() OVER (ORDER BY member_id) AS place FROM posting) p
 WHERE place %% %(size)s = 0
 ORDER BY member_id
