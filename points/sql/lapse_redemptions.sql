-- Take over to held redemptions whose time was over at %(at)s what has become of their holds. The index on what is held serves it.
UPDATE points_redemption r SET state = h.state, entry_number = h.entry_number
  FROM points_hold h
 WHERE r.state = 'held' AND r.lapses_at <= %(at)s AND h.state IN ('released', 'lapsed')
   AND h.member_id = r.member_id AND h.currency_id = r.currency_id AND h.key = r.hold_key
