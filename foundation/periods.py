"""Calendar arithmetic of the bank: months are clipped to their length, never chained."""

import calendar
import datetime

from django.utils import timezone


def add_months(day: datetime.date, months: int) -> datetime.date:
    """Return `day` moved by `months` (negative: back), clipped to the length of the month reached."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return datetime.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def month_end(day: datetime.date) -> datetime.date:
    """Return the last day of the month of `day`."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def day_of(at: datetime.datetime) -> datetime.date:
    """Return the calendar date of an aware instant in the bank's zone."""
    return timezone.localtime(at, timezone.get_default_timezone()).date()


def first_instant(day: datetime.date) -> datetime.datetime:
    """Return the instant at which a date begins in the bank's zone."""
    return datetime.datetime.combine(day, datetime.time(), timezone.get_default_timezone())
