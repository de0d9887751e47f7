"""Review calendars: on which dates a rule book reviews its members, and which date comes next."""

import datetime
from collections.abc import Callable

from foundation.periods import add_months, month_end
from tiers.models import RuleBook

Calendar = RuleBook.Calendar
MONTHS = {Calendar.MONTH_END: 1, Calendar.QUARTER_END: 3, Calendar.HALF_YEAR_END: 6, Calendar.YEAR_END: 12}
# A member's anniversary in the year of as_of; who joined on 29 February has it on the 28th in other years. And the last one up to
# as_of: before the first it is the day of joining.
YEARS = "(extract(year FROM %(as_of)s) - extract(year FROM joined_on))::int"
ANNIVERSARY = f"(joined_on + make_interval(years => {YEARS}))::date"
LAST_ANNIVERSARY = f"(joined_on + make_interval(years => {YEARS} - ({ANNIVERSARY} > %(as_of)s)::int))::date"


def is_due(book: RuleBook, day: datetime.date) -> bool:
    """Return whether the book decides anything on `day`: a review of some members at least, or upgrades."""
    return book.upgrades_nightly or book.calendar == Calendar.ANNIVERSARY or is_review(book, day)


def is_review(book: RuleBook, day: datetime.date) -> bool:
    """Return whether `day` is on the book's calendar for all members; an anniversary is each member's own."""
    months = MONTHS.get(Calendar(book.calendar))
    if months is None:
        return book.calendar == Calendar.NIGHTLY
    return day == month_end(day) and day.month % months == 0


def next_review(book: RuleBook, day: datetime.date, *, joined_on: datetime.date) -> datetime.date:
    """Return the first date after `day` on which the book reviews a member who joined on `joined_on`."""
    if book.calendar == Calendar.NIGHTLY:
        return day + datetime.timedelta(days=1)
    if book.calendar == Calendar.ANNIVERSARY:
        years = max(day.year - joined_on.year, 1)
        this = add_months(joined_on, 12 * years)
        return this if this > day else add_months(joined_on, 12 * (years + 1))
    return _next_end(MONTHS[Calendar(book.calendar)], day)


def compiled(book: RuleBook, as_of: datetime.date, *, add: Callable[[datetime.date], str]) -> tuple[str, str]:
    """Return two SQL expressions over `joined_on`: whether the member is reviewed as of as_of, and the date of his next review.

    `add` takes a parameter and gives its place.
    """
    if book.calendar == Calendar.ANNIVERSARY:
        reviews = f"({ANNIVERSARY} = %(as_of)s AND joined_on < %(as_of)s)"
        years = f"greatest({YEARS} + ({ANNIVERSARY} <= %(as_of)s)::int, 1)"
        return reviews, f"(joined_on + make_interval(years => {years}))::date"
    following = next_review(book, as_of, joined_on=as_of)
    return "true" if is_review(book, as_of) else "false", f"{add(following)}::date"


def _next_end(months: int, day: datetime.date) -> datetime.date:
    """Return the first end after `day` of a period of `months` months that begins with a year."""
    first = day.replace(day=1)
    end = month_end(add_months(first, -first.month % months))
    return end if end > day else month_end(add_months(end.replace(day=1), months))
