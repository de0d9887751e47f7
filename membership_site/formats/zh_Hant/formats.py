"""Thousands in threes, as every Chinese bank statement writes them (Django groups nothing), and months without a zero."""

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
MONTH_DAY_FORMAT = "n月j日"
