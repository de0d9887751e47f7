"""Rolling up: a night's facts in the running totals, late ones included; compared with everything recounted from the facts."""

import datetime
import itertools
import uuid

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from activity.models import Activity, BalanceSnapshot, Holding
from activity.reports import ActivityReport, ReversalReport
from campaigns import clawing_back, earning
from foundation.actors import Actor
from foundation.jobs.models import BusinessDate
from points import ledger
from points.ledger import Posting
from points.models import Entry, Kind
from tests.factories import AccountFactory, BankFactory, EarningRuleVersionFactory, MemberFactory, SeriesFactory
from tiers import rolling
from tiers.compiling import Measure, Statement
from tiers.models import RunningTotal

pytestmark = pytest.mark.django_db
NIGHT = Actor.job("close_day")
MONDAY = datetime.date(2026, 3, 2)
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def bank():
    """A bank that opened on Sunday, so that Monday's roll-up carries on instead of beginning."""
    BankFactory(first_business_date=MONDAY - DAY)


def close(date):
    BusinessDate.objects.filter(status="closing").update(status="closed")
    BusinessDate.objects.filter(date=date).update(status="closing")
    BusinessDate.objects.create(date=date + DAY)


def roll_up(date, *, first=1, last=rolling.LARGEST_ID):
    close(date)
    return rolling.roll_up(business_date=date, first_member=first, last_member=last, actor=NIGHT)["rows"]


def rows(series):
    return list(
        RunningTotal.objects.filter(series_id=series.pk)
        .order_by("member_id", "day")
        .values_list("day", "level", "total", "first_day")
    )


def snapshot(account, day, amount_minor, *, booked_on, revision=1):
    BalanceSnapshot.objects.create(
        member_id=account.member_id,
        account_id=account.pk,
        day=day,
        revision=revision,
        amount_minor=amount_minor,
        booked_on=booked_on,
        source_id=1,
    )


def holding(member, external_id, product, opened_on, closed_on=None, *, booked_on, revision=1):
    Holding.objects.create(
        member_id=member.pk, source_id=1, external_id=external_id, revision=revision, product=product,
        opened_on=opened_on, closed_on=closed_on, booked_on=booked_on,
    )  # fmt: skip


def activity(member, external_id, kind, occurred_on, *, booked_on):
    Activity.objects.create(
        member_id=member.pk, source_id=1, external_id=external_id, kind=kind, currency="CNY", occurred_on=occurred_on, booked_on=booked_on,
        occurred_at=datetime.datetime.combine(occurred_on, datetime.time(12), tzinfo=datetime.UTC),
    )  # fmt: skip


def points(member, series, count, occurred_on):
    kind = Kind.EARN if count > 0 else Kind.CLAWBACK
    posting = Posting(
        member_id=member.pk,
        currency_id=series.currency_id,
        key=uuid.uuid4(),
        kind=kind,
        points=count,
        occurred_on=occurred_on,
    )
    (answer,) = ledger.post([posting], actor=NIGHT)
    assert answer.outcome == "posted"


def test_a_balance_is_carried_until_the_next_one():
    assets, account = SeriesFactory(), AccountFactory()
    roll_up(MONDAY - DAY)
    snapshot(account, MONDAY, 100, booked_on=MONDAY)
    snapshot(account, MONDAY + 4 * DAY, 300, booked_on=MONDAY + 4 * DAY)

    written = [roll_up(MONDAY + day * DAY) for day in range(5)]

    assert written == [1, 0, 0, 0, 1]
    assert rows(assets) == [(MONDAY, 100, 0, MONDAY), (MONDAY + 4 * DAY, 300, 400, MONDAY)]


def test_a_late_balance_corrects_the_days_after_it_until_the_next():
    assets, account = SeriesFactory(), AccountFactory()
    roll_up(MONDAY - DAY)
    snapshot(account, MONDAY, 100, booked_on=MONDAY)
    snapshot(account, MONDAY + 4 * DAY, 300, booked_on=MONDAY + 4 * DAY)
    snapshot(account, MONDAY + 2 * DAY, 150, booked_on=MONDAY + 5 * DAY)
    snapshot(account, MONDAY, 120, booked_on=MONDAY + 5 * DAY, revision=2)

    for day in range(6):
        roll_up(MONDAY + day * DAY)

    assert rows(assets) == [
        (MONDAY, 120, 0, MONDAY),
        (MONDAY + 2 * DAY, 150, 240, MONDAY),
        (MONDAY + 4 * DAY, 300, 540, MONDAY),
    ]


def test_assets_are_the_sum_over_accounts_of_the_chosen_classes():
    usual, deposits = SeriesFactory(), SeriesFactory(selection=["deposit"])
    member = MemberFactory()
    deposit, wealth, loan = (
        AccountFactory(member=member, account_class=name) for name in ("deposit", "wealth", "loan")
    )
    for account, amount_minor in ((deposit, 100), (wealth, 20), (loan, -5)):
        snapshot(account, MONDAY, amount_minor, booked_on=MONDAY)
    roll_up(MONDAY - DAY)

    roll_up(MONDAY)

    assert rows(usual) == [(MONDAY, 120, 0, MONDAY)]
    assert rows(deposits) == [(MONDAY, 100, 0, MONDAY)]


def test_a_closed_account_counts_nothing_from_its_closing():
    assets, account = SeriesFactory(), AccountFactory()
    roll_up(MONDAY - DAY)
    snapshot(account, MONDAY, 100, booked_on=MONDAY)
    roll_up(MONDAY)

    account.closed_on = MONDAY + DAY
    account.save()
    roll_up(MONDAY + DAY)

    assert rows(assets) == [(MONDAY, 100, 0, MONDAY), (MONDAY + DAY, 0, 100, MONDAY)]


def test_a_balance_of_zero_begins_the_average():
    assets, account = SeriesFactory(), AccountFactory()
    roll_up(MONDAY - DAY)
    snapshot(account, MONDAY, 0, booked_on=MONDAY)
    snapshot(account, MONDAY + 2 * DAY, 50, booked_on=MONDAY + 2 * DAY)

    for day in range(3):
        roll_up(MONDAY + day * DAY)

    assert rows(assets) == [(MONDAY, 0, 0, MONDAY), (MONDAY + 2 * DAY, 50, 0, MONDAY)]


def test_a_corrected_holding_takes_back_what_it_had_said():
    products, member = SeriesFactory(metric="products_held"), MemberFactory()
    roll_up(MONDAY - DAY)
    holding(member, "card", "credit_card", MONDAY, booked_on=MONDAY)
    holding(member, "loan", "loan", MONDAY, MONDAY + 9 * DAY, booked_on=MONDAY)
    roll_up(MONDAY)
    assert rows(products) == [(MONDAY, 0, 2, MONDAY), (MONDAY + 9 * DAY, 0, 1, MONDAY)]
    holding(member, "card", "credit_card", MONDAY + DAY, booked_on=MONDAY + DAY, revision=2)

    roll_up(MONDAY + DAY)

    assert rows(products) == [(MONDAY, 0, 1, MONDAY), (MONDAY + DAY, 0, 2, MONDAY), (MONDAY + 9 * DAY, 0, 1, MONDAY)]


def test_a_late_transaction_counts_on_its_own_day():
    counted, member = SeriesFactory(metric="transaction_count", selection=["card"]), MemberFactory()
    roll_up(MONDAY - DAY)
    activity(member, "1", "card", MONDAY, booked_on=MONDAY)
    activity(member, "2", "card", MONDAY - 3 * DAY, booked_on=MONDAY + DAY)
    activity(member, "3", "transfer", MONDAY, booked_on=MONDAY)

    roll_up(MONDAY)
    roll_up(MONDAY + DAY)

    assert rows(counted) == [(MONDAY - 3 * DAY, 0, 1, MONDAY - 3 * DAY), (MONDAY, 0, 2, MONDAY - 3 * DAY)]


def test_growth_points_count_net_on_the_day_they_were_earned():
    growth, member = SeriesFactory(growth=True), MemberFactory()
    roll_up(MONDAY - DAY)
    points(member, growth, 48, MONDAY - 9 * DAY)
    points(member, growth, -18, MONDAY - 9 * DAY)
    points(member, growth, 5, MONDAY)

    roll_up(MONDAY)

    assert rows(growth) == [(MONDAY - 9 * DAY, 0, 30, MONDAY - 9 * DAY), (MONDAY, 0, 35, MONDAY - 9 * DAY)]


def test_a_repeat_changes_nothing_and_an_overlap_is_refused_by_the_database():
    counted, member = SeriesFactory(metric="transaction_count"), MemberFactory()
    roll_up(MONDAY - DAY)
    activity(member, "1", "card", MONDAY, booked_on=MONDAY)

    assert roll_up(MONDAY, last=member.pk + 10) == 1
    again = rolling.roll_up(business_date=MONDAY, first_member=1, last_member=member.pk + 10, actor=NIGHT)
    with pytest.raises(IntegrityError, match="members_rolled_up_once_per_business_date"), transaction.atomic():
        rolling.roll_up(business_date=MONDAY, first_member=member.pk, last_member=member.pk + 20, actor=NIGHT)

    assert again == {"rows": 0}
    assert rows(counted) == [(MONDAY, 0, 1, MONDAY)]


def test_a_series_that_begins_later_counts_everything_before():
    member = MemberFactory()
    activity(member, "1", "card", MONDAY - 40 * DAY, booked_on=MONDAY - DAY)
    roll_up(MONDAY - DAY)
    counted = SeriesFactory(metric="transaction_count")  # the open business date is Monday

    roll_up(MONDAY)

    assert rows(counted) == [(MONDAY - 40 * DAY, 0, 1, MONDAY - 40 * DAY)]


def test_a_check_finds_what_was_tampered_with_and_a_rebuild_mends_it():
    counted, member = SeriesFactory(metric="transaction_count"), MemberFactory()
    activity(member, "1", "card", MONDAY, booked_on=MONDAY)
    roll_up(MONDAY - DAY)
    roll_up(MONDAY)
    span = {"business_date": MONDAY, "first_member": 1, "last_member": rolling.LARGEST_ID}
    assert rolling.check(**span) == 0
    RunningTotal.objects.filter(series_id=counted.pk).update(total=7)

    assert rolling.check(**span) == 1
    assert rolling.rebuild(**span, actor=NIGHT) == {"rows": 1}

    assert rows(counted) == [(MONDAY, 0, 1, MONDAY)]


def test_a_chunk_takes_as_many_statements_for_one_member_as_for_many(django_assert_num_queries):
    SeriesFactory(), SeriesFactory(metric="transaction_count")
    accounts = AccountFactory.create_batch(2)
    roll_up(MONDAY - DAY)
    snapshot(accounts[0], MONDAY, 100, booked_on=MONDAY)
    close(MONDAY)
    with django_assert_num_queries(10):
        rolling.roll_up(business_date=MONDAY, first_member=1, last_member=accounts[0].member_id, actor=NIGHT)
    others = [AccountFactory.build(member=accounts[1].member, number=f"X{number}") for number in range(300)]
    type(accounts[0]).objects.bulk_create(others)
    for account in others:
        snapshot(account, MONDAY, 5, booked_on=MONDAY)

    with django_assert_num_queries(10):
        rolling.roll_up(
            business_date=MONDAY, first_member=accounts[1].member_id, last_member=rolling.LARGEST_ID, actor=NIGHT
        )


NIGHTS = 5
ALL_DAYS = 1000
# An example is several nights: trying smaller ones after a failure would take minutes.
GENERATED = [Phase.explicit, Phase.reuse, Phase.generate]
days = st.integers(0, NIGHTS - 1)
fact = st.one_of(
    st.tuples(st.just("snapshot"), st.integers(0, 2), days, days, st.integers(-2, 5)),
    st.tuples(st.just("activity"), st.integers(0, 1), days, days, st.sampled_from(["card", "transfer"])),
    st.tuples(st.just("points"), st.integers(0, 1), days, days, st.sampled_from([-3, 4, 9])),
    st.tuples(st.just("holding"), st.integers(0, 2), days, days, st.one_of(st.none(), st.integers(0, 4))),
    st.tuples(st.just("closing"), st.integers(0, 2), days, days, st.booleans()),
)


@settings(max_examples=20, deadline=None, phases=GENERATED, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=st.lists(fact, min_size=4, max_size=20), begins=days)
def test_nights_of_any_facts_leave_the_same_totals_as_a_recount(facts, begins):
    """Snapshots, closings, holdings, activities and points of any days, booked on any later nights, and series that begin on any night."""
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
    ]
    series = [make() for make in makers[:2]] + [SeriesFactory(growth=True)]
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
                    activity(members[who], str(number), value, on, booked_on=date)
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
    if series.metric == "transaction_count":
        return sum(
            one.member_id == member.pk and one.kind == "card" and one.occurred_on <= date for one in activities
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


def test_points_taken_back_leave_the_day_of_their_earning():
    """A refund of Wednesday takes Monday's growth points back: every window that held them loses them, and no other does."""
    growth = SeriesFactory(growth=True)
    EarningRuleVersionFactory(reward_currency=None, reward_rate=0, growth_currency=growth.currency, growth_rate=1)
    wang = MemberFactory()
    bought = ActivityReport(
        source="core", external_id="T1", member_number=wang.number, kind="card_spend", amount_minor=100_00,
        occurred_at=datetime.datetime.combine(MONDAY, datetime.time(4), datetime.UTC),
    )  # fmt: skip
    refunded = ReversalReport(
        source="core", external_id="R1", original_external_id="T1", member_number=wang.number, amount_minor=40_00,
        occurred_at=bought.occurred_at + 2 * DAY,
    )  # fmt: skip
    roll_up(MONDAY - DAY)
    earning.take([bought], actor=NIGHT)
    roll_up(MONDAY)
    earned = rows(growth)
    roll_up(MONDAY + DAY)
    clawing_back.take([refunded], actor=NIGHT)

    roll_up(MONDAY + 2 * DAY)

    assert earned == [(MONDAY, 0, 100, MONDAY)]
    assert rows(growth) == [(MONDAY, 0, 60, MONDAY)]
    entry = Entry.objects.get(kind=Kind.CLAWBACK)
    assert (entry.points, entry.occurred_on, entry.booked_on) == (-40, MONDAY, MONDAY + 2 * DAY)
    assert rolling.check(business_date=MONDAY + 2 * DAY, first_member=1, last_member=rolling.LARGEST_ID) == 0
