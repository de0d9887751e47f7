"""Activities that earn as they are reported, and that they earn what the night would have given."""

import datetime
import random

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activity.models import Activity
from activity.reports import ActivityReport
from campaigns.earning import take
from points.models import Entry
from tests.campaigns.night import ACTOR, close_on, earn_all, points_of
from tests.factories import (
    FIRST_BUSINESS_DATE,
    ActivityFactory,
    BankFactory,
    DecisionFactory,
    EarningRuleVersionFactory,
    MemberFactory,
    PointCurrencyFactory,
    RuleBookFactory,
    SourceFactory,
)

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
NOON = datetime.datetime.combine(FIRST_BUSINESS_DATE, datetime.time(4), datetime.UTC)


@pytest.fixture(autouse=True)
def rule():
    """Every yuan gives a point, twice as many for gold; every second one a growth point."""
    BankFactory()
    PointCurrencyFactory()
    RuleBookFactory(multipliers={"gold": 2})
    return EarningRuleVersionFactory(growth_currency=PointCurrencyFactory(growth=True), growth_rate="0.5")


@pytest.fixture
def wang():
    return MemberFactory(number="88")


def report(external_id: str = "T1", **changes) -> ActivityReport:
    fields = {
        "source": "core",
        "member_number": "88",
        "kind": "card_spend",
        "amount_minor": 240_00,
        "occurred_at": NOON,
    }
    return ActivityReport(external_id=external_id, **fields | changes)


def told(answers) -> list[tuple[str, dict[str, int]]]:
    return [(answer.outcome, answer.earned) for answer in answers]


def test_an_activity_earns_as_it_is_taken(wang):
    assert told(take([report()], actor=ACTOR)) == [("recorded", {"points": 240, "growth": 120})]

    assert points_of(wang) == [240, 120]
    assert Entry.objects.filter(booked_on=FIRST_BUSINESS_DATE, cause="activity/core/T1").count() == 2


def test_the_night_does_not_earn_on_it_again(wang):
    take([report()], actor=ACTOR)
    close_on()

    assert earn_all() == {}
    assert points_of(wang) == [240, 120]


def test_taken_again_it_answers_the_first_result_and_changes_nothing(wang):
    first = take([report()], actor=ACTOR)
    again = take([report(), report(), report("T2", amount_minor=1_00)], actor=ACTOR)

    assert told(again) == [("duplicate", first[0].earned)] * 2 + [("recorded", {"points": 1})]
    assert points_of(wang) == [240, 1, 120]


def test_a_new_rule_does_not_reach_back_to_what_was_taken_before(wang):
    take([report()], actor=ACTOR)
    EarningRuleVersionFactory(reward_rate=5)

    assert told(take([report()], actor=ACTOR)) == [("duplicate", {"points": 240, "growth": 120})]
    assert points_of(wang) == [240, 120]


def test_each_report_has_its_own_answer(wang):
    take([report()], actor=ACTOR)

    answers = take(
        [
            report("T1", amount_minor=1_00),
            report("T2", member_number="99"),
            report("T3", amount_minor=-1),
            report("T4", amount_minor=50),
            report("T5", occurred_at=NOON - 40 * DAY),
        ],
        actor=ACTOR,
    )

    assert told(answers) == [
        ("conflict", {}),
        ("unknown_member", {}),
        ("invalid_amount", {}),
        ("recorded", {}),
        ("recorded", {"points": 240, "growth": 120}),
    ]
    assert Activity.objects.filter(earned_at_once=True).count() == 3


def test_two_activities_never_have_one_cause(wang):
    reports = [report("b/1", source="a"), report("1", source="a/b")]

    assert [answer.outcome for answer in take(reports, actor=ACTOR)] == ["recorded", "invalid_source"]
    with pytest.raises(IntegrityError, match="source_code_without_slash"):
        SourceFactory(code="a/b")


def test_a_batch_without_a_good_report_writes_nothing(wang):
    assert told(take([report(amount_minor=-1)], actor=ACTOR)) == [("invalid_amount", {})]
    assert take([], actor=ACTOR) == []
    assert not Activity.objects.exists()


def test_what_came_by_file_and_waits_for_the_night_has_earned_nothing_yet(wang):
    ActivityFactory(member=wang, external_id="T1", direction="", amount_minor=240_00, occurred_at=NOON)

    assert told(take([report()], actor=ACTOR)) == [("duplicate", {})]
    assert points_of(wang) == []


def test_while_a_date_closes_it_is_booked_on_the_next(wang):
    close_on()

    take([report()], actor=ACTOR)

    assert set(Entry.objects.values_list("booked_on", flat=True)) == {FIRST_BUSINESS_DATE + DAY}


def test_as_many_statements_for_five_hundred_as_for_one(wang):
    take([report("T0")], actor=ACTOR)
    with CaptureQueriesContext(connection) as one:
        take([report("T1")], actor=ACTOR)

    with CaptureQueriesContext(connection) as many:
        take([report(f"M{n}") for n in range(500)], actor=ACTOR)

    assert len(many) == len(one) <= 16


class Undone(Exception):
    """Ends a trial, so that its writes are rolled back."""


def entries_after(act) -> set[tuple]:
    """Return what the ledger holds after `act`, which leaves no trace."""
    found: set[tuple] = set()
    with pytest.raises(Undone), transaction.atomic():
        act()
        found |= {
            (
                e.member_id,
                e.currency_id,
                e.event_key,
                e.points,
                e.occurred_on,
                e.cause,
                e.rule_version_id,
                str(e.figures),
            )
            for e in Entry.objects.all()
        }
        raise Undone
    return found


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(1, 12), min_size=1, max_size=12))
def test_any_split_into_batches_and_the_night_give_the_same_entries(wang, seed, sizes):
    dice = random.Random(seed)
    li = MemberFactory()
    DecisionFactory(member=li, tier="gold", as_of=FIRST_BUSINESS_DATE - 10 * DAY)
    reports = [
        report(
            f"T{n}",
            member_number=dice.choice(["88", li.number]),
            currency="CNY",
            amount_minor=dice.choice([None, 0, 99, 1_00, dice.randrange(10**7)]),
            occurred_at=NOON - dice.randrange(20) * DAY,
        )
        for n in range(sum(sizes))
    ]

    def take_in_batches():
        rest = reports[:]
        for size in sizes:
            take(rest[:size], actor=ACTOR)
            del rest[:size]

    def leave_to_the_night():
        ids = {"88": wang.pk, li.number: li.pk}
        for one in reports:
            ActivityFactory(
                member_id=ids[one.member_number],
                external_id=one.external_id,
                direction="",
                amount_minor=one.amount_minor,
                occurred_at=one.occurred_at,
                occurred_on=one.occurred_at.date(),
            )
        close_on()
        earn_all()

    assert entries_after(take_in_batches) == entries_after(leave_to_the_night)
