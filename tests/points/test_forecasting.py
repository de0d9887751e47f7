"""What lapses when, of a member by date and of the whole bank by month, always what the lots say."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from points import forecasting
from points.forecasting import Lapse, Remaining
from points.models import Lot, PointCurrency
from tests.factories import ActivityFactory, MemberFactory, PointCurrencyFactory
from tests.points.cast import APRIL_END, MARCH_END, MONDAY, asked, open_bank, post

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
MARCH, APRIL = datetime.date(2026, 3, 1), datetime.date(2026, 4, 1)


def test_a_member_sees_each_date_of_twelve_months_and_no_more():
    wang, points = open_bank()
    year_on = datetime.date(2027, 3, 2)
    dates = [MONDAY, MARCH_END, MARCH_END, APRIL_END, year_on, year_on + DAY, None]
    post(*(asked(wang, points, 10, expires_on=day) for day in dates), asked(wang, points, -13))
    post(asked(MemberFactory(), points, 99, expires_on=APRIL_END))

    lapses = forecasting.of_member(member_id=wang.pk, currency=points, today=MONDAY)

    assert lapses == [
        Lapse(on=MARCH_END, points=17),
        Lapse(on=APRIL_END, points=10),
        Lapse(on=year_on, points=10),
    ]


def test_what_has_lapsed_but_is_not_booked_yet_is_not_shown():
    wang, points = open_bank()
    post(asked(wang, points, 10, expires_on=MONDAY))

    assert forecasting.of_member(member_id=wang.pk, currency=points, today=MONDAY + DAY) == []
    assert forecasting.of_bank(currency=points, today=MONDAY + DAY).months[MARCH] == Remaining()


def test_inactivity_is_forecast_from_the_last_activity_or_the_points_own_day():
    wang, points = open_bank()
    PointCurrency.objects.update(expiry_policy="inactivity", expiry_months=1)
    points.refresh_from_db()
    post(asked(wang, points, 10, occurred_on=datetime.date(2026, 1, 31)), asked(wang, points, 5, occurred_on=MONDAY))
    post(asked(wang, points, 2, expires_on=MARCH_END))

    def lapses() -> list[Lapse]:
        return forecasting.of_member(member_id=wang.pk, currency=points, today=datetime.date(2026, 2, 1))

    idle_since_january = Lapse(on=datetime.date(2026, 2, 28), points=10, if_inactive=True)
    own_day = Lapse(on=datetime.date(2026, 4, 2), points=5, if_inactive=True)
    dated = Lapse(on=MARCH_END, points=2)
    assert lapses() == [idle_since_january, dated, own_day]
    ActivityFactory(member=wang, occurred_on=MONDAY + DAY)

    assert lapses() == [dated, Lapse(on=datetime.date(2026, 4, 3), points=15, if_inactive=True)]


def test_the_bank_s_months_add_up_to_all_lots():
    wang, points = open_bank()
    li = MemberFactory()
    miles = PointCurrencyFactory(code="miles", expiry_months=None)
    far = datetime.date(2031, 1, 31)
    post(*(asked(who, points, 10, expires_on=day) for who in (wang, li) for day in (MARCH_END, APRIL_END, far, None)))
    post(asked(wang, points, -3), asked(wang, points, 7, expires_on=MARCH_END, available_on=APRIL_END))
    post(asked(wang, miles, 1_000))

    forecast = forecasting.of_bank(currency=points, today=MONDAY)

    assert next(iter(forecast.months)) == MARCH and len(forecast.months) == 13
    assert forecast.months[MARCH] == Remaining(points=24, lots=3)
    assert forecast.months[APRIL] == Remaining(points=20, lots=2)
    assert (forecast.later, forecast.undated) == (Remaining(points=20, lots=2), Remaining(points=20, lots=2))
    everything = [*forecast.months.values(), forecast.later, forecast.undated]
    remaining = Lot.objects.filter(currency_id=points.pk).values_list("remaining", flat=True)
    assert sum(one.points for one in everything) == sum(remaining)
    assert forecasting.of_bank(currency=miles, today=MONDAY).undated == Remaining(points=1_000, lots=1)


def test_the_bank_takes_one_statement_and_reads_no_month_that_is_over():
    wang, points = open_bank()
    post(asked(wang, points, 10, occurred_on=datetime.date(2020, 1, 1), expires_on=datetime.date(2021, 1, 31)))

    with CaptureQueriesContext(connection) as queries:
        forecasting.of_bank(currency=points, today=MONDAY)
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + queries[0]["sql"])
        plan = "\n".join(line for [line] in cursor.fetchall())

    assert len(queries) == 1
    assert "points_lot_never" in plan and "points_lot_202101" not in plan
