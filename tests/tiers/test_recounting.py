"""Nights of any facts in any order leave the totals that a count day by day in plain Python gives."""

import itertools

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from activity.models import Activity, BalanceSnapshot, Holding, Reversal
from points.models import Entry
from tests.factories import AccountFactory, BankFactory, MemberFactory, SeriesFactory
from tests.tiers.test_rolling import DAY, MONDAY, activity, holding, points, reversal, roll_up, snapshot
from tiers import rolling
from tiers.compiling import Measure, Statement
from tiers.models import RunningTotal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bank():
    BankFactory(first_business_date=MONDAY - DAY)


NIGHTS = 5
ALL_DAYS = 1000
# An example is several nights: trying smaller ones after a failure would take minutes.
GENERATED = [Phase.explicit, Phase.reuse, Phase.generate]
days = st.integers(0, NIGHTS - 1)
fact = st.one_of(
    st.tuples(st.just("snapshot"), st.integers(0, 2), days, days, st.integers(-2, 5)),
    st.tuples(st.just("activity"), st.integers(0, 1), days, days, st.sampled_from(["card", "transfer", "abroad"])),
    st.tuples(st.just("reversal"), st.integers(0, 1), days, days, st.sampled_from([1, 4, 100])),
    st.tuples(st.just("points"), st.integers(0, 1), days, days, st.sampled_from([-3, 4, 9])),
    st.tuples(st.just("holding"), st.integers(0, 2), days, days, st.one_of(st.none(), st.integers(0, 4))),
    st.tuples(st.just("closing"), st.integers(0, 2), days, days, st.booleans()),
)


@settings(max_examples=20, deadline=None, phases=GENERATED, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=st.lists(fact, min_size=4, max_size=20), begins=days)
def test_nights_of_any_facts_leave_the_same_totals_as_a_recount(facts, begins):
    """Facts of every sort and any day, reversals among them, booked on any later nights, and series that begin on any night."""
    with transaction.atomic():
        recounted_alike(facts, begins)
        transaction.set_rollback(True)


def recounted_alike(facts, begins):
    first = MONDAY - DAY
    members = MemberFactory.create_batch(2)
    accounts = [
        AccountFactory(member=members[0]),
        AccountFactory(member=members[0], account_class="wealth"),
        AccountFactory(member=members[1]),
    ]
    makers = [lambda: SeriesFactory(), lambda: SeriesFactory(metric="transaction_count", selection=["card"])]
    makers += [
        lambda: SeriesFactory(metric="products_held"),
        lambda: SeriesFactory(metric="average_assets", selection=["wealth"]),
        lambda: SeriesFactory(metric="transaction_amount", selection=["abroad", "card"]),
    ]
    series = [make() for make in makers[:2]] + [SeriesFactory(growth=True), SeriesFactory(metric="transaction_amount")]
    revisions = {
        key: itertools.count(1) for key in itertools.product(["snapshot", "holding"], range(3), [*range(NIGHTS), None])
    }
    as_of_then = {}
    for night in range(NIGHTS):
        date = first + night * DAY
        if night == begins:
            series += [make() for make in makers[2:]]
        for number, (what, who, day, booked, value) in enumerate(facts):
            day, booked = min(day, booked), max(day, booked)
            if booked != night:
                continue
            on = first + day * DAY
            match what:
                case "snapshot":
                    snapshot(accounts[who], on, value, booked_on=date, revision=next(revisions[what, who, day]))
                case "activity":
                    activity(
                        members[who], str(number), value, on, booked_on=date, amount_minor=(number % 4 and number) or None,
                        currency="USD" if value == "abroad" else "CNY",
                    )  # fmt: skip
                case "reversal":
                    for one in Activity.objects.filter(member_id=members[who].pk).order_by("external_id")[:1]:
                        reversal(members[who], f"R{number}", one, value, booked_on=date)
                case "points":
                    points(members[who], series[2], value, on)
                case "holding":
                    until = None if value is None else on + value * DAY
                    holding(
                        members[0],
                        str(who),
                        "card",
                        on,
                        until,
                        booked_on=date,
                        revision=next(revisions[what, who, None]),
                    )
                case "closing":
                    accounts[who].closed_on = max(on, accounts[who].opened_on) if value else None
                    accounts[who].save()
        roll_up(date)
        facts_now = [list(model.objects.order_by("revision")) for model in (BalanceSnapshot, Holding)]
        facts_now += [list(model.objects.all()) for model in (Activity, Entry)]
        through = {
            (row.member_id, row.series_id): row for row in RunningTotal.objects.filter(day__lte=date).order_by("day")
        }
        for one, member in itertools.product(series, members):
            row = through.get((member.pk, one.pk))
            total, first_day = (
                (row.total + row.level * ((date - row.day).days + 1), row.first_day) if row else (0, None)
            )
            owned = [account for account in accounts if account.member_id == member.pk]
            known = recounted(one, member, owned, date, first, *facts_now)
            assert (total, one.metric == "average_assets" and first_day) == known
            as_of_then[date, one, member.pk] = known
        for (then, one, member_id), known in as_of_then.items():
            assert measured(one, member_id, then) == known, (then, one.metric, date)
    assert rolling.check(business_date=date, first_member=1, last_member=rolling.LARGEST_ID) == 0


def measured(series, member_id, as_of):
    """Return a series' total through `as_of` by the facts booked by then, and its first day, as a review of that date asks for them."""
    asked = Measure(metric=series.metric, series_id=series.pk, quantity="", window="days", window_length=ALL_DAYS)
    statement = Statement(as_of=as_of, booked_by=as_of)
    statement.parameters |= {"first_member": member_id, "last_member": member_id}
    sql = statement.measured([asked], where="member.id BETWEEN %(first_member)s AND %(last_member)s")
    with connection.cursor() as cursor:
        cursor.execute(sql, statement.parameters)
        [[_member, _joined_on, total, *days]] = cursor.fetchall()
    if series.metric != "average_assets":
        return total, False
    return total, None if days[0] == ALL_DAYS else as_of - (days[0] - 1) * DAY


def recounted(series, member, accounts, date, first, snapshots, holdings, activities, entries):
    """Return a series' total through `date` and its first day, counted day by day in Python from the facts alone."""
    if series.metric in ("transaction_count", "transaction_amount"):
        mine = [one for one in activities if one.member_id == member.pk and one.occurred_on <= date]
        mine = [one for one in mine if not series.selection or one.kind in series.selection]
        taken = {one.external_id: 0 for one in mine}
        for one in Reversal.objects.filter(member_id=member.pk, original_external_id__in=taken):
            taken[one.original_external_id] += one.reversed_minor
        if series.metric == "transaction_count":
            return sum(taken[one.external_id] < (one.amount_minor or 1) for one in mine), False
        return sum(
            one.amount_minor - taken[one.external_id] for one in mine if one.amount_minor and one.currency == "CNY"
        ), False
    if series.metric == "growth_points":
        return sum(one.points for one in entries if one.member_id == member.pk and one.occurred_on <= date), False
    if series.metric == "products_held":
        held = {holding.external_id: holding for holding in holdings if holding.member_id == member.pk}.values()
        return sum(one.opened_on <= date and (one.closed_on is None or one.closed_on > date) for one in held), False
    total, first_day = 0, None
    for account in accounts:
        if account.account_class not in (series.selection or ["deposit", "wealth", "insurance"]):
            continue
        reported = {one.day: one.amount_minor for one in snapshots if one.account_id == account.pk}
        days = [first + offset * DAY for offset in range((date - first).days + 1)]
        for day in [day for day in days if account.closed_on is None or day < account.closed_on]:
            if known := [one for one in reported if one <= day]:
                total, first_day = total + reported[max(known)], min(first_day or day, day)
    return total, first_day
