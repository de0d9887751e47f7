-- Post a batch given as array literals, column by column, in the order of ledger.COLUMNS; then the business date, or NULL. The function's
-- own types say what the literals are.
SELECT seq, outcome, number, balance_after FROM points_post(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
