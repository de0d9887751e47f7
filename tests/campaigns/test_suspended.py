"""What a suspended member does is kept: it earns nothing meanwhile, and all of it, by the rules of its day, once he is reinstated."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activity.models import Activity
from activity.reports import ActivityReport, ReversalReport
from campaigns import clawing_back
from campaigns.earning import take
from foundation.actors import Actor
from foundation.jobs.models import BusinessDate
from members import moving, suspending
from members.states import REINSTATE, Reason
from tests.campaigns.night import ACTOR, close_on, earn_all, points_of
from tests.factories import (
    FIRST_BUSINESS_DATE,
    ActivityFactory,
    BankFactory,
    EarningRuleVersionFactory,
    MemberFactory,
    SourceFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
MONDAY, TUESDAY, WEDNESDAY = (FIRST_BUSINESS_DATE + n * DAY for n in range(3))


@pytest.fixture
def clerk():
    return Actor(user=StaffFactory())


@pytest.fixture
def wang():
    BankFactory()
    return MemberFactory(number="88")


def noon(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(4), datetime.UTC)


def suspend(member, clerk, day=MONDAY):
    suspending.suspend(member=member, reason=Reason.FRAUD, note="", at=noon(day), actor=clerk)


def lift(member, clerk, day):
    moving.move([member.pk], transition=REINSTATE, reason=Reason.CLEARED, at=noon(day), actor=clerk)


def open_on(day):
    """Let the day before be closed and `day` open."""
    BusinessDate.objects.all().delete()
    BusinessDate.objects.create(date=day - DAY, status="closed")
    BusinessDate.objects.create(date=day)


def claw_all(day):
    return clawing_back.claw_back(business_date=day, first_member=1, last_member=2**63 - 1, actor=ACTOR)


def test_it_waits_is_counted_and_earns_when_the_suspension_ends(wang, clerk):
    EarningRuleVersionFactory(cap_per_month=150)
    other = MemberFactory()
    ActivityFactory(member=wang, occurred_on=MONDAY)
    ActivityFactory(member=other, occurred_on=MONDAY)
    suspend(wang, clerk)
    close_on(MONDAY)
    waiting = earn_all(MONDAY)
    open_on(TUESDAY)
    ActivityFactory(member=wang, occurred_on=TUESDAY)
    lift(wang, clerk, TUESDAY)
    close_on(TUESDAY)

    lifted, again = earn_all(TUESDAY), earn_all(TUESDAY)

    assert waiting == {"suspended": 1, "posted": 1}
    # Tuesday's own by the night, then what waited; what is left of the month's cap is used in that order, and only once.
    assert (sorted(points_of(wang)), points_of(other)) == ([50, 100], [100])
    assert lifted["posted"] == 2
    assert "posted" not in again


def test_what_was_taken_on_line_waits_as_well(wang, clerk):
    EarningRuleVersionFactory()
    SourceFactory(code="core")
    suspend(wang, clerk)
    report = {"source": "core", "member_number": "88", "kind": "card_spend", "amount_minor": 70_00}

    [answer] = take([ActivityReport(external_id="T1", occurred_at=noon(MONDAY), **report)], actor=ACTOR)
    lift(wang, clerk, MONDAY)
    close_on(MONDAY)
    earn_all(MONDAY)

    assert (answer.outcome, answer.earned) == ("recorded", {})
    assert Activity.objects.get().earned_at_once
    assert points_of(wang) == [70]


def test_what_was_refunded_meanwhile_is_taken_back_at_once(wang, clerk):
    EarningRuleVersionFactory()
    SourceFactory(code="core")
    suspend(wang, clerk)
    report = {"source": "core", "member_number": "88", "kind": "card_spend", "amount_minor": 100_00}
    take([ActivityReport(external_id="T1", occurred_at=noon(MONDAY), **report)], actor=ACTOR)
    refund = {"source": "core", "original_external_id": "T1", "member_number": "88", "occurred_at": noon(MONDAY)}
    [taken] = clawing_back.take([ReversalReport(external_id="R1", amount_minor=40_00, **refund)], actor=ACTOR)
    close_on(MONDAY)
    earn_all(MONDAY)
    claw_all(MONDAY)
    meanwhile = points_of(wang)
    open_on(TUESDAY)
    lift(wang, clerk, TUESDAY)
    close_on(TUESDAY)

    earn_all(TUESDAY)
    counts = claw_all(TUESDAY)

    assert (taken.outcome, taken.taken, meanwhile) == ("recorded", {}, [])
    assert points_of(wang) == [100, -40]
    assert counts == {"posted": 1}


def test_who_is_closed_or_suspended_again_earns_nothing_of_it(wang, clerk):
    EarningRuleVersionFactory()
    ActivityFactory(member=wang, occurred_on=MONDAY)
    suspend(wang, clerk)
    lift(wang, clerk, MONDAY)
    suspend(wang, clerk)
    close_on(MONDAY)

    assert earn_all(MONDAY) == {"suspended": 1}
    assert points_of(wang) == []


def test_as_many_statements_for_many_suspended_as_for_one(wang, clerk):
    EarningRuleVersionFactory()
    ActivityFactory(member=wang)
    suspend(wang, clerk)
    close_on(MONDAY)
    with CaptureQueriesContext(connection) as one:
        earn_all(MONDAY)
    for _ in range(10):
        member = MemberFactory(status="suspended")
        ActivityFactory(member=member)

    with CaptureQueriesContext(connection) as many:
        assert earn_all(MONDAY) == {"suspended": 11}

    assert len(many) == len(one)
