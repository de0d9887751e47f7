"""What the bank reports of two records that became one: it reaches the one that stays, and what it takes back is taken there."""

import datetime

import pytest

from activity.models import Activity, BalanceSnapshot, Holding, ParkedReversal
from activity.recording import record_accounts, record_activities, record_holdings, record_reversals, record_snapshots
from activity.reports import ActivityReport, HoldingReport, ReversalReport, SnapshotReport
from campaigns import clawing_back, earning
from members.models import Account
from members.reports import AccountReport
from points.models import Entry, Kind, Lot
from tests.campaigns.night import ACTOR, earn_all
from tests.factories import AccountFactory, EarningRuleVersionFactory, SeriesFactory
from tests.merging.cast import balance_of, growth_of, merge, two, undo
from tests.points.cast import MONDAY, asked, books_ok, finish_closing, post, start_closing
from tiers import rolling
from tiers.models import RunningTotal

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
NOON = datetime.datetime.combine(MONDAY, datetime.time(4), datetime.UTC)
ALL = {"first_member": 1, "last_member": 2**63 - 1}


@pytest.fixture
def wang():
    """Every yuan gives a point, and a growth point."""
    both = two()
    EarningRuleVersionFactory(reward_currency=both.points, growth_currency=both.growth, growth_rate=1)
    return both


def spend(external_id="T1", amount_minor=100_00, **changes) -> ActivityReport:
    fields = {"source": "core", "member_number": "B-GONE", "kind": "card_spend", "occurred_at": NOON}
    return ActivityReport(external_id=external_id, amount_minor=amount_minor, **fields | changes)


def refund(external_id="R1", amount_minor=None, **changes) -> ReversalReport:
    fields = {"source": "core", "original_external_id": "T1", "member_number": "B-GONE", "occurred_at": NOON}
    return ReversalReport(external_id=external_id, amount_minor=amount_minor, **fields | changes)


def night(day: datetime.date) -> None:
    """Close a date as far as running totals go."""
    start_closing(day)
    rolling.roll_up(business_date=day, **ALL, actor=ACTOR)
    finish_closing(day)


def totals_agree(day: datetime.date) -> bool:
    """Say whether the running totals are what all facts give anew."""
    return rolling.check(business_date=day, **ALL) == 0


def test_what_is_reported_under_the_old_number_earns_on_the_record_that_stays(wang):
    merge(wang.kept, wang.gone)

    [answer] = earning.take([spend()], actor=ACTOR)

    assert answer.outcome == "recorded"
    assert Activity.objects.get().member_id == wang.kept.pk
    assert balance_of(wang.kept, wang.points) == {"available": 100}
    assert books_ok()


def test_an_activity_that_waits_for_the_night_earns_on_the_record_that_stays(wang):
    record_activities([spend()], actor=ACTOR)
    merge(wang.kept, wang.gone)
    start_closing()

    assert earn_all() == {"posted": 2}

    assert balance_of(wang.kept, wang.points) == {"available": 100}
    assert Activity.objects.get().member_id == wang.gone.pk


def test_a_report_that_is_sent_again_after_the_merge_is_a_duplicate(wang):
    record_activities([spend()], actor=ACTOR)
    merge(wang.kept, wang.gone)

    again = record_activities([spend(), spend(amount_minor=5)], actor=ACTOR)

    assert again == ["duplicate", "conflict"]
    assert Activity.objects.count() == 1


def test_a_late_refund_takes_the_moved_lot_of_the_record_that_stays(wang):
    """Of an activity of the record that went: the very lot goes first, growth on the day it was earned; said once."""
    earning.take([spend()], actor=ACTOR)
    post(asked(wang.kept, wang.points, 40, expires_on=MONDAY + 30 * DAY))
    merge(wang.kept, wang.gone)

    [taken] = clawing_back.take([refund(amount_minor=30_00)], actor=ACTOR)
    [again] = clawing_back.take([refund(amount_minor=30_00)], actor=ACTOR)

    assert (taken.outcome, taken.taken) == ("recorded", {"points": 30, "growth": 30})
    assert (again.outcome, again.taken) == ("duplicate", {"points": 30, "growth": 30})
    assert balance_of(wang.kept, wang.points) == {"available": 110}
    moved = Lot.objects.get(member_id=wang.kept.pk, points=100)
    assert moved.remaining == 70
    assert growth_of(wang.kept, currency=wang.growth) == {MONDAY: 70}
    assert books_ok()


def test_a_refund_before_the_merge_is_not_taken_again_by_the_night(wang):
    earning.take([spend()], actor=ACTOR)
    clawing_back.take([refund(amount_minor=30_00)], actor=ACTOR)
    merge(wang.kept, wang.gone)
    start_closing()

    clawing_back.claw_back(business_date=MONDAY, **ALL, actor=ACTOR)

    assert balance_of(wang.kept, wang.points) == {"available": 70}
    assert Entry.objects.filter(kind=Kind.CLAWBACK, currency_id=wang.points.pk).count() == 1


def test_a_refund_while_merged_is_not_taken_again_once_that_is_undone(wang):
    earning.take([spend()], actor=ACTOR)
    merge(wang.kept, wang.gone)
    clawing_back.take([refund(amount_minor=30_00)], actor=ACTOR)
    undo(wang.gone)
    [rest] = clawing_back.take([refund("R2", amount_minor=20_00)], actor=ACTOR)
    start_closing()

    clawing_back.claw_back(business_date=MONDAY, **ALL, actor=ACTOR)

    assert rest.taken == {"points": 20, "growth": 20}
    assert balance_of(wang.gone, wang.points) == {"available": 50}
    assert balance_of(wang.kept, wang.points) == {}
    assert growth_of(wang.gone, currency=wang.growth) == {MONDAY: 50}
    assert books_ok()


def test_a_refund_that_waits_finds_its_activity_on_the_record_that_stays(wang):
    assert record_reversals([refund()], actor=ACTOR) == ["parked"]
    merge(wang.kept, wang.gone)

    earning.take([spend()], actor=ACTOR)

    assert ParkedReversal.objects.get().outcome == "recorded"
    assert balance_of(wang.kept, wang.points) == {}


def test_accounts_and_their_balances_count_for_the_record_that_stays(wang):
    """Average assets are as if one record had always been: all balances count, and a recount finds nothing to correct."""
    series = SeriesFactory(counted_from=MONDAY - DAY)
    account = AccountFactory(member=wang.gone, number="4001")
    record_snapshots(
        [SnapshotReport(source="core", account_number="4001", day=MONDAY, amount_minor=500_00)], actor=ACTOR
    )
    night(MONDAY)
    merge(wang.kept, wang.gone)
    record_snapshots(
        [SnapshotReport(source="core", account_number="4001", day=MONDAY + DAY, amount_minor=700_00)], actor=ACTOR
    )
    night(MONDAY + DAY)

    assert Account.objects.get().member_id == wang.kept.pk
    rows = RunningTotal.objects.filter(member_id=wang.kept.pk, series_id=series.pk).order_by("day")
    assert list(rows.values_list("day", "level", "total")) == [
        (MONDAY, 500_00, 0),
        (MONDAY + DAY, 700_00, 500_00),
    ]
    assert not RunningTotal.objects.filter(member_id=wang.gone.pk, series_id=series.pk).exclude(level=0).exists()
    assert totals_agree(MONDAY + DAY)

    undo(wang.gone)
    night(MONDAY + 2 * DAY)

    account.refresh_from_db()
    assert account.member_id == wang.gone.pk
    rows = RunningTotal.objects.filter(member_id=wang.gone.pk, series_id=series.pk).order_by("day")
    assert list(rows.values_list("day", "level")) == [(MONDAY, 500_00), (MONDAY + DAY, 700_00)]
    assert totals_agree(MONDAY + 2 * DAY)
    assert BalanceSnapshot.objects.filter(member_id=wang.gone.pk, day=MONDAY).count() == 1


def test_transactions_of_both_records_count_for_the_one_that_stays(wang):
    count = SeriesFactory(metric="transaction_count", counted_from=MONDAY - DAY)
    amount = SeriesFactory(metric="transaction_amount", counted_from=MONDAY - DAY)
    record_activities([spend(), spend("T2", member_number="A-KEPT")], actor=ACTOR)
    night(MONDAY)
    merge(wang.kept, wang.gone)
    night(MONDAY + DAY)
    # Late, and recorded with its activity on the record that went.
    record_reversals([refund()], actor=ACTOR)
    night(MONDAY + 2 * DAY)

    rows = RunningTotal.objects.filter(member_id=wang.kept.pk).order_by("series_id")
    assert list(rows.values_list("series_id", "total")) == [(count.pk, 1), (amount.pk, 100_00)]
    assert totals_agree(MONDAY + 2 * DAY)


def test_holdings_go_on_with_the_record_that_stays(wang):
    def holding(closed_on=None):
        return HoldingReport(
            source="core",
            external_id="H1",
            member_number="B-GONE",
            product="fund",
            opened_on=MONDAY,
            closed_on=closed_on,
        )

    series = SeriesFactory(metric="products_held", counted_from=MONDAY - DAY)
    record_holdings([holding()], actor=ACTOR)
    merge(wang.kept, wang.gone)
    night(MONDAY)
    assert RunningTotal.objects.get(member_id=wang.kept.pk, series_id=series.pk).total == 1

    assert record_holdings([holding(), holding(closed_on=MONDAY + DAY)], actor=ACTOR) == ["superseded", "recorded"]

    assert Holding.objects.filter(member_id=wang.kept.pk).latest("revision").closed_on == MONDAY + DAY
    night(MONDAY + DAY)
    assert totals_agree(MONDAY + DAY)
    undo(wang.gone)
    night(MONDAY + 2 * DAY)
    assert Holding.objects.filter(member_id=wang.gone.pk).latest("revision").closed_on == MONDAY + DAY
    assert totals_agree(MONDAY + 2 * DAY)


def test_an_account_reported_under_the_old_number_belongs_to_the_record_that_stays(wang):
    merge(wang.kept, wang.gone)
    report = AccountReport(number="4009", account_class="deposit", opened_on=MONDAY, member_number="B-GONE")

    outcomes = record_accounts([report], source="core", actor=ACTOR)
    again = record_accounts([report], source="core", actor=ACTOR)

    assert (outcomes, again) == (["opened"], ["unchanged"])
    assert Account.objects.get().member_id == wang.kept.pk
