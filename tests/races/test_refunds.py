"""Refunds at the same time: of one activity, beside a spend, beside their activity; and the naive twin that reverses too much."""

import datetime
import threading
import uuid

import pytest
from django.db import IntegrityError

from activity import waking
from activity.models import Activity, ParkedReversal, Reversal
from activity.reports import ActivityReport, ReversalReport
from campaigns import clawing_back, earning
from foundation import transactions
from foundation.actors import Actor
from members.models import Member
from points import ledger
from points.models import Entry, Kind, PointCurrency, Purse
from points.proving import prove
from tests.factories import FIRST_BUSINESS_DATE, BankFactory, EarningRuleVersionFactory, MemberFactory
from tests.races.test_night import at_once

ACTOR = Actor.job("core-banking")
NOON = datetime.datetime.combine(FIRST_BUSINESS_DATE, datetime.time(4), datetime.UTC)
DAY = datetime.timedelta(days=1)
ROUNDS = 10


@pytest.fixture
def bank(committed):
    """One member, one rule of a point for each yuan."""
    BankFactory()
    EarningRuleVersionFactory()
    MemberFactory(number="88")


def spend(external_id):
    report = ActivityReport(
        source="core",
        external_id=external_id,
        member_number="88",
        kind="card_spend",
        amount_minor=100_00,
        occurred_at=NOON,
    )
    return transactions.commit(earning.take, reports=[report], actor=ACTOR)


def refund(external_id, amount_minor, original="T0"):
    report = ReversalReport(
        source="core", external_id=external_id, original_external_id=original, member_number="88", amount_minor=amount_minor,
        occurred_at=NOON,
    )  # fmt: skip
    [answer] = transactions.commit(clawing_back.take, reports=[report], actor=ACTOR)
    return answer.outcome


def redeem(points):
    posting = ledger.Posting(
        member_id=Member.objects.get().pk,
        currency_id=PointCurrency.objects.get().pk,
        key=uuid.uuid4(),
        kind=Kind.REDEEM,
        points=-points,
        occurred_on=FIRST_BUSINESS_DATE,
    )
    [answer] = transactions.commit(ledger.post, batch=[posting], actor=ACTOR)
    return answer.outcome


def broken():
    return [name for name, result in prove(as_of=FIRST_BUSINESS_DATE - DAY).items() if result["violations"]]


def test_of_four_refunds_at_once_no_more_stand_than_fit(bank):
    for turn in range(ROUNDS):
        spend(f"T{turn}")

        outcomes = at_once(*(lambda n=n, turn=turn: refund(f"R{turn}-{n}", 40_00, f"T{turn}") for n in range(4)))

        assert sorted(outcomes) == ["over_reversed"] * 2 + ["recorded"] * 2
    assert sum(Reversal.objects.values_list("reversed_minor", flat=True)) == ROUNDS * 80_00
    assert Purse.objects.get().available == ROUNDS * 20
    assert broken() == []


def test_one_refund_sent_four_times_at_once_is_taken_once(bank):
    spend("T0")

    outcomes = at_once(*[lambda: refund("R1", 40_00)] * 4)

    assert sorted(outcomes) == ["duplicate"] * 3 + ["recorded"]
    assert list(Entry.objects.order_by("number").values_list("points", flat=True)) == [100, -40]


def naive_refunds() -> list:
    """Take two refunds of 60 of 100 yuan at once, both looking before either has written, without the members' lock."""
    spend("T0")
    both_looked = threading.Barrier(2)

    def look_then_reverse(external_id):
        room = 100_00 - sum(Reversal.objects.values_list("reversed_minor", flat=True))
        before = 100_00 - room
        both_looked.wait()
        assert room >= 60_00
        activity = Activity.objects.get()
        Reversal.objects.create(
            member_id=activity.member_id, source_id=activity.source_id, external_id=external_id, original_source_id=activity.source_id,
            original_external_id="T0", amount_minor=60_00, currency="CNY", occurred_at=NOON, occurred_on=FIRST_BUSINESS_DATE,
            booked_on=FIRST_BUSINESS_DATE, of_minor=100_00, reversed_before_minor=before, reversed_minor=60_00,
        )  # fmt: skip

    return at_once(*(lambda n=n: transactions.commit(look_then_reverse, external_id=f"R{n}") for n in range(2)))


def test_naive_twin_looks_first_and_reverses_too_much_but_for_the_database(bank):
    answers = naive_refunds()

    [refused] = [answer for answer in answers if answer is not None]
    assert isinstance(refused, IntegrityError)
    assert "reversals_of_an_activity_in_order" in str(refused)


def test_a_refund_beside_a_spend_leaves_them_in_some_order(bank):
    for turn in range(ROUNDS):
        spend(f"T{turn}")
        held = Purse.objects.get()

        spent, refunded = at_once(lambda: redeem(80), lambda turn=turn: refund(f"R{turn}", None, f"T{turn}"))

        purse = Purse.objects.get()
        assert refunded == "recorded"
        assert spent in {"posted", "insufficient"}
        assert purse.available - purse.owed == held.available - held.owed - 100 - (80 if spent == "posted" else 0)
        assert purse.available == 0 or purse.owed == 0
    assert broken() == []


def test_a_refund_beside_its_activity_takes_its_points_at_once_or_in_the_night(bank):
    for turn in range(ROUNDS):
        at_once(lambda turn=turn: spend(f"T{turn}"), lambda turn=turn: refund(f"R{turn}", 40_00, f"T{turn}"))
    transactions.commit(
        waking.wake_arrived, business_date=FIRST_BUSINESS_DATE, first_member=1, last_member=2**63 - 1, actor=ACTOR
    )

    assert Reversal.objects.count() == ROUNDS
    assert not ParkedReversal.objects.filter(outcome="parked").exists()


def test_two_batches_of_refunds_in_opposite_order_both_end(bank):
    MemberFactory(number="99")
    for number in ("88", "99"):
        activity = ActivityReport(
            source="core",
            external_id=f"T-{number}",
            member_number=number,
            kind="card_spend",
            amount_minor=1_000_00,
            occurred_at=NOON,
        )
        transactions.commit(earning.take, reports=[activity], actor=ACTOR)
    reports = [
        ReversalReport(
            source="core", external_id=f"R-{number}-{n}", original_external_id=f"T-{number}", member_number=number,
            amount_minor=1_00, occurred_at=NOON,
        )
        for n in range(100)
        for number in ("88", "99")
    ]  # fmt: skip

    answers = at_once(
        lambda: transactions.commit(clawing_back.take, reports=reports, actor=ACTOR),
        lambda: transactions.commit(clawing_back.take, reports=reports[::-1], actor=ACTOR),
    )

    assert {answer.outcome for batch in answers for answer in batch} == {"recorded", "duplicate"}
    assert {answer.taken["points"] for batch in answers for answer in batch} == {1}
    assert list(Purse.objects.order_by("member_id").values_list("available", flat=True)) == [900, 900]
