"""The nights by the clock: beats about midnight, zones that change theirs, a clock that goes back (D03, D04, D09)."""

import datetime
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from foundation.jobs import clock
from foundation.jobs.models import BusinessDate, JobRun
from membership_site import closing
from points.models import Entry
from tests.factories import BankFactory
from tests.points.cast import asked, books_ok, open_bank
from tests.races.test_posting import commit

Turn = Callable[[datetime.datetime], None]


@pytest.fixture
def turn(committed):
    """Turn the database's clock, which stands still then: `clock_timestamp()` is found in a schema before the built-in one."""
    statements = (
        "CREATE SCHEMA turned",
        "CREATE TABLE turned.now (at timestamptz)",
        "INSERT INTO turned.now VALUES (pg_catalog.clock_timestamp())",
        "CREATE FUNCTION turned.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT at FROM turned.now'",
        "GRANT USAGE ON SCHEMA turned TO runtime",
        "GRANT SELECT ON turned.now TO runtime",
        f"ALTER DATABASE {committed} SET search_path = turned, pg_catalog, public",
    )
    with connections["owner"].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connections["default"].close()

    def to(instant: datetime.datetime) -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE turned.now SET at = %s", [instant])

    return to


def ring() -> None:
    """Ring as the beat does; the message is taken at once."""
    closing.ring(send=lambda: closing.close(through=None, way="test"))


def ran() -> list[tuple[datetime.date, int]]:
    return list(JobRun.objects.filter(job="close_day").order_by("id").values_list("business_date", "attempts"))


def local(year: int, month: int, day: int, *time: int, zone: str = "Asia/Shanghai") -> datetime.datetime:
    return datetime.datetime(year, month, day, *time, tzinfo=ZoneInfo(zone))


def test_the_clock_is_turned(turn):
    turn(local(2026, 3, 2, 23, 59, 59))

    assert clock.now() == local(2026, 3, 2, 23, 59, 59)
    assert clock.today() == datetime.date(2026, 3, 2)


def test_a_beat_restarted_about_midnight_closes_each_date_once(turn):
    """D03: at 23:59:59, at 00:00:00 and a moment after, twice each."""
    BankFactory()
    for day in (2, 3, 4):
        turn(local(2026, 3, day, 23, 59, 59))
        ring(), ring()
        before = ran()
        turn(local(2026, 3, day + 1))
        ring(), ring()
        after = ran()
        turn(local(2026, 3, day + 1, 0, 0, 1))
        ring(), ring()

        assert len(before) == day - 2
        assert after == ran() == [*before, (datetime.date(2026, 3, day), 1)]


@pytest.mark.parametrize("first", [datetime.date(2026, 3, 27), datetime.date(2026, 10, 23)], ids=["spring", "autumn"])
def test_a_zone_that_changes_its_clock_closes_each_date_once(turn, settings, first):
    """D04: on 29 March 02:00–03:00 is missing in Berlin, on 25 October it comes twice; a ring every half hour."""
    settings.TIME_ZONE = "Europe/Berlin"
    BankFactory(first_business_date=first)
    start = datetime.datetime.combine(first, datetime.time(), ZoneInfo("Europe/Berlin")).astimezone(datetime.UTC)

    for half_hours in range(5 * 48):
        turn(start + half_hours * datetime.timedelta(minutes=30))
        ring()

    days = [day for day, _attempts in ran()]
    assert ran() == [(first + datetime.timedelta(days=n), 1) for n in range(len(days))]
    assert len(days) == (5 if first.month == 3 else 4)


def test_a_clock_that_goes_back_an_hour_changes_no_order(turn):
    """D09: neither is a date closed twice nor does an entry stand before an earlier one."""
    wang, points = open_bank()
    turn(local(2026, 3, 3, 0, 20))
    ring()
    today = clock.today()
    first = commit(asked(wang, points, 5, occurred_on=today))

    turn(local(2026, 3, 2, 23, 20))
    ring()
    second = commit(asked(wang, points, 5, occurred_on=clock.today()))
    turn(local(2026, 3, 3, 0, 20))
    ring()
    third = commit(asked(wang, points, 5, occurred_on=clock.today()))

    assert [answer.number for [answer] in (first, second, third)] == [1, 2, 3]
    assert list(Entry.objects.order_by("number").values_list("booked_on", flat=True)) == [today] * 3
    assert ran() == [(datetime.date(2026, 3, 2), 1)]
    assert list(BusinessDate.objects.order_by("date").values_list("status", flat=True)) == ["closed", "open"]
    assert books_ok()
