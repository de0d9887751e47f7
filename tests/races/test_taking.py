"""One activity reported twice at the same time earns once, and both callers get the same answer."""

import dataclasses
import datetime
import threading
import uuid

from activity.models import Activity
from activity.reports import ActivityReport
from campaigns.earning import take
from foundation import transactions
from foundation.actors import Actor
from members.models import Member
from points import ledger
from points.models import Entry, Kind, PointCurrency, Purse
from tests.factories import FIRST_BUSINESS_DATE, BankFactory, EarningRuleVersionFactory, MemberFactory, SourceFactory
from tests.races.test_night import at_once

ACTOR = Actor.job("core-banking")
REPORT = ActivityReport(
    source="core",
    external_id="T1",
    member_number="88",
    kind="card_spend",
    amount_minor=100_00,
    occurred_at=datetime.datetime.combine(FIRST_BUSINESS_DATE, datetime.time(4), datetime.UTC),
)


def bank_with_a_rule() -> None:
    """One member, one rule of a point for each yuan."""
    BankFactory()
    SourceFactory()
    EarningRuleVersionFactory()
    MemberFactory(number="88")


def test_an_activity_taken_four_times_at_once_earns_once(committed):
    bank_with_a_rule()

    answers = at_once(*[lambda: transactions.commit(take, reports=[REPORT], actor=ACTOR)] * 4)

    assert sorted(answer.outcome for [answer] in answers) == ["duplicate"] * 3 + ["recorded"]
    assert [answer.earned for [answer] in answers] == [{"points": 100}] * 4
    assert Entry.objects.get().points == Purse.objects.get().available == 100


def test_two_batches_of_the_same_activities_in_opposite_order_both_end(committed):
    bank_with_a_rule()
    reports = [dataclasses.replace(REPORT, external_id=f"T{n}", amount_minor=100) for n in range(200)]

    answers = at_once(
        lambda: transactions.commit(take, reports=reports, actor=ACTOR),
        lambda: transactions.commit(take, reports=reports[::-1], actor=ACTOR),
    )

    assert {answer.outcome for batch in answers for answer in batch} == {"recorded", "duplicate"}
    assert {answer.earned["points"] for batch in answers for answer in batch} == {1}
    assert Purse.objects.get().available == 200


def test_naive_twin_looks_first_and_earns_twice(committed):
    bank_with_a_rule()
    with_a_purse()
    both_looked = threading.Barrier(2)

    def look_then_earn() -> None:
        is_new = not Activity.objects.exists()
        both_looked.wait()
        if is_new:
            ledger.post([posting()], actor=ACTOR)

    at_once(*[lambda: transactions.commit(look_then_earn)] * 2)

    assert Purse.objects.get().available == 200


def with_a_purse() -> None:
    """Open the member's purse: two who would open it at once are told to post again, and the twins' barrier waits for nobody twice."""
    spent = dataclasses.replace(posting(), kind=Kind.REDEEM, points=-1)
    transactions.commit(ledger.post, batch=[spent], actor=ACTOR)


def posting() -> ledger.Posting:
    """Return the activity's points under a key made up on the spot."""
    return ledger.Posting(
        member_id=Member.objects.get().pk,
        currency_id=PointCurrency.objects.get().pk,
        key=uuid.uuid4(),
        kind=Kind.EARN,
        points=100,
        occurred_on=FIRST_BUSINESS_DATE,
    )
