"""Rolling up: a night's facts in the running totals, late ones included."""

import datetime
import uuid

import pytest
from django.db import IntegrityError, transaction

from activity.models import Activity, BalanceSnapshot, Holding, Reversal
from activity.reports import ActivityReport, ReversalReport
from campaigns import clawing_back, earning
from foundation.actors import Actor
from foundation.jobs.models import BusinessDate
from points import ledger
from points.ledger import Posting
from points.models import Entry, Kind
from tests.factories import AccountFactory, BankFactory, EarningRuleVersionFactory, MemberFactory, SeriesFactory
from tiers import rolling
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


def activity(member, external_id, kind, occurred_on, *, booked_on, amount_minor=None, currency="CNY"):
    Activity.objects.create(
        member_id=member.pk, source_id=1, external_id=external_id, kind=kind, occurred_on=occurred_on, booked_on=booked_on,
        amount_minor=amount_minor, currency=currency,
        occurred_at=datetime.datetime.combine(occurred_on, datetime.time(12), tzinfo=datetime.UTC),
    )  # fmt: skip


def reversal(member, external_id, original, reversed_minor, *, booked_on):
    """Take `reversed_minor` of an activity back, or as much as is left; an activity without an amount has one unit."""
    reversed_before = sum(
        one.reversed_minor
        for one in Reversal.objects.filter(member_id=member.pk, original_external_id=original.external_id)
    )
    of_minor = original.amount_minor or 1
    if reversed_before < of_minor:
        Reversal.objects.create(
            member_id=member.pk, source_id=1, external_id=external_id, original_source_id=1, original_external_id=original.external_id,
            currency=original.currency, occurred_at=original.occurred_at, occurred_on=booked_on, booked_on=booked_on, of_minor=of_minor,
            reversed_before_minor=reversed_before, reversed_minor=min(reversed_minor, of_minor - reversed_before),
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


def test_amounts_add_up_net_of_what_was_taken_back_on_the_day_of_the_transaction():
    """Wednesday takes 30 of Monday's 100 back, Thursday the other 70 of it: the amount falls with each, the number with the last."""
    counted, amounts = SeriesFactory(metric="transaction_count"), SeriesFactory(metric="transaction_amount")
    member = MemberFactory()
    roll_up(MONDAY - DAY)
    activity(member, "1", "card", MONDAY, booked_on=MONDAY, amount_minor=100)
    activity(member, "2", "card", MONDAY, booked_on=MONDAY, amount_minor=5)
    activity(member, "3", "login", MONDAY, booked_on=MONDAY)
    activity(member, "4", "card", MONDAY, booked_on=MONDAY, amount_minor=1000, currency="USD")
    bought = Activity.objects.get(external_id="1")
    reversal(member, "R1", bought, 30, booked_on=MONDAY + 2 * DAY)
    reversal(member, "R2", bought, 70, booked_on=MONDAY + 3 * DAY)

    stood = []
    for day in range(4):
        roll_up(MONDAY + day * DAY)
        stood.append((rows(amounts), rows(counted)))

    assert stood[0] == stood[1] == ([(MONDAY, 0, 105, MONDAY)], [(MONDAY, 0, 4, MONDAY)])
    assert stood[2] == ([(MONDAY, 0, 75, MONDAY)], [(MONDAY, 0, 4, MONDAY)])
    assert stood[3] == ([(MONDAY, 0, 5, MONDAY)], [(MONDAY, 0, 3, MONDAY)])
    assert rolling.check(business_date=MONDAY + 3 * DAY, first_member=1, last_member=rolling.LARGEST_ID) == 0


def test_amounts_of_the_chosen_kinds_only_add_up():
    amounts, member = SeriesFactory(metric="transaction_amount", selection=["card"]), MemberFactory()
    activity(member, "1", "card", MONDAY - 9 * DAY, booked_on=MONDAY - DAY, amount_minor=7)
    activity(member, "2", "transfer", MONDAY - 9 * DAY, booked_on=MONDAY - DAY, amount_minor=100)
    activity(member, "3", "card", MONDAY, booked_on=MONDAY, amount_minor=2)
    reversal(member, "R", Activity.objects.get(external_id="2"), 100, booked_on=MONDAY)

    roll_up(MONDAY - DAY)
    roll_up(MONDAY)

    first = MONDAY - 9 * DAY
    assert rows(amounts) == [(first, 0, 7, first), (MONDAY, 0, 9, first)]


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
    with django_assert_num_queries(11):
        rolling.roll_up(business_date=MONDAY, first_member=1, last_member=accounts[0].member_id, actor=NIGHT)
    others = [AccountFactory.build(member=accounts[1].member, number=f"X{number}") for number in range(300)]
    type(accounts[0]).objects.bulk_create(others)
    for account in others:
        snapshot(account, MONDAY, 5, booked_on=MONDAY)

    with django_assert_num_queries(11):
        rolling.roll_up(
            business_date=MONDAY, first_member=accounts[1].member_id, last_member=rolling.LARGEST_ID, actor=NIGHT
        )


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
