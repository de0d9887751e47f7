"""Transfers' races (A04): two that give to each other, relays that meet, a member closed on the way; each beside its naive twin."""

import datetime
import threading
import time
import uuid

from django.db import OperationalError, transaction
from django.db.models import Sum

from foundation import transactions
from foundation.jobs import clock
from foundation.outbox import relaying
from foundation.outbox.models import Obligation
from members.models import Member
from points import ledger, proving, transferring
from points.models import Entry, Kind, Purse
from tests.factories import MemberFactory
from tests.points.cast import CLERK, MONDAY, asked, books_ok, open_bank, purse_of
from tests.races.test_night import at_once
from tests.races.test_posting import commit, in_rounds

AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
ROUNDS = 20


def give(giver, taker, points, amount, key=None):
    return transactions.commit(
        transferring.transfer,
        from_member_id=giver.pk,
        to_member_id=taker.pk,
        currency_id=points.pk,
        points=amount,
        key=key or uuid.uuid4(),
        reference="race",
        occurred_on=MONDAY,
        at=AT,
        actor=CLERK,
    )


def relay(_number=0):
    return relaying.relay(at=clock.now(), actor=CLERK)


def in_flight():
    result = proving.prove(as_of=datetime.date(2026, 3, 1))["transfers_in_flight"]
    return result["violations"], result["in_flight"]


def two_with(amount):
    wang, points = open_bank()
    li = MemberFactory(branch=wang.branch)
    commit(asked(wang, points, amount), asked(li, points, amount))
    return wang, li, points


def test_two_give_to_each_other_while_two_relay(committed):
    """A04: nobody waits for the other for ever, nothing is in flight at the end, no point is lost or made."""
    wang, li, points = two_with(1_000)

    rounds = in_rounds(
        ROUNDS,
        lambda number: give(wang, li, points, 7).outcome,
        lambda number: give(li, wang, points, 11).outcome,
        relay,
        relay,
    )

    assert {answers[:2] for answers in rounds} == {("posted", "posted")}
    relay()
    assert in_flight() == (0, 0)
    assert Purse.objects.aggregate(available=Sum("available"))["available"] == 2_000
    assert purse_of(wang, points)["available"] == 1_000 + 4 * ROUNDS
    assert not Obligation.objects.open().exists()
    assert books_ok()


def test_two_give_to_each_other_in_one_transaction_naively(committed):
    """Holding both purses, each waits for the one that the other holds, until the database ends it."""
    wang, li, points = two_with(1_000)
    together = threading.Barrier(2)

    def move(giver, taker):
        with transaction.atomic():
            ledger.post([asked(giver, points, -5, kind=Kind.TRANSFER)], actor=CLERK)
            together.wait(timeout=30)
            ledger.post([asked(taker, points, 5, kind=Kind.TRANSFER)], actor=CLERK)
        return "posted"

    answers = at_once(lambda: move(wang, li), lambda: move(li, wang))

    [deadlock] = [answer for answer in answers if answer != "posted"]
    assert isinstance(deadlock, OperationalError)
    assert "deadlock detected" in f"{deadlock}"


def test_many_relays_credit_each_transfer_once(committed):
    """C03: eight relays at once on forty transfers of one giver."""
    wang, _li, points = two_with(1_000)
    takers = MemberFactory.create_batch(8, branch=wang.branch)
    for number in range(40):
        give(wang, takers[number % 8], points, 3)

    done = at_once(*[relay] * 8)

    assert sum(counts["done"] for counts in done) == 40
    assert set(Purse.objects.filter(member_id__in=[taker.pk for taker in takers]).values_list("available")) == {(15,)}
    assert in_flight() == (0, 0)
    assert books_ok()


def test_a_claim_that_comes_late_delays_nothing(committed):
    """What was claimed is done although another claim's lock stands on it for a moment."""
    wang, li, points = two_with(100)
    give(wang, li, points, 10)
    [topic] = Obligation.objects.values_list("topic", flat=True)
    ids = transactions.commit(relaying.claim, topic=topic, again=False, size=200)
    locked = threading.Event()

    def come_late():
        with transaction.atomic():
            list(Obligation.objects.filter(pk__in=ids).select_for_update())
            locked.set()
            time.sleep(0.5)

    def do():
        locked.wait(timeout=30)
        return transactions.commit(relaying.handle, topic=topic, ids=ids, at=clock.now(), actor=CLERK)

    assert at_once(come_late, do) == [None, 1]
    assert in_flight() == (0, 0)


def test_many_relays_naively(committed):
    """Without a claim both read the same row as open, and both do it."""
    wang, li, points = two_with(100)
    give(wang, li, points, 10)
    together = threading.Barrier(2)

    def read_then_credit():
        open_ones = list(Obligation.objects.open())
        together.wait(timeout=30)
        for one in open_ones:
            commit(asked(li, points, sum(points for *_lot, points in one.payload["lots"]), kind=Kind.TRANSFER))
            Obligation.objects.filter(pk=one.pk).update(done_at=clock.now())

    at_once(read_then_credit, read_then_credit)

    assert purse_of(li, points)["available"] == 120


def test_the_same_transfer_sent_from_many_threads_is_one(committed):
    wang, li, points = two_with(100)
    key = uuid.uuid4()

    answers = at_once(*[lambda: give(wang, li, points, 60, key=key).outcome] * 8)

    assert sorted(answers) == ["duplicate"] * 7 + ["posted"]
    relay()
    assert (purse_of(wang, points)["available"], purse_of(li, points)["available"]) == (40, 160)
    assert in_flight() == (0, 0)


def test_a_member_closed_on_the_way_gets_it_or_the_giver_does(committed):
    """A11: it lands on one of the two, never on neither."""
    wang, _li, points = two_with(1_000)
    takers = MemberFactory.create_batch(ROUNDS, branch=wang.branch)
    for taker in takers:
        give(wang, taker, points, 10)

    def close(number):
        Member.objects.filter(pk=takers[number].pk).update(status="closed", closed_on=MONDAY)

    in_rounds(ROUNDS, close, relay)
    relay()

    arrived = Purse.objects.filter(member_id__in=[taker.pk for taker in takers])
    came_back = Entry.objects.filter(member_id=wang.pk, kind=Kind.TRANSFER, points=10).count()
    assert arrived.count() + came_back == ROUNDS
    assert in_flight() == (0, 0)
    assert not Obligation.objects.open().exists()
    assert books_ok()


def test_a_day_s_limit_holds_against_many_at_once(committed):
    wang, li, points = two_with(1_000)
    points.transfers_per_day = 100
    points.save()

    def one_of_many():
        try:
            return give(wang, li, points, 9).outcome
        except transferring.OverDailyLimit as refusal:
            return refusal.code

    answers = at_once(*[one_of_many] * 16)

    assert sorted(answers) == ["over_daily_limit"] * 5 + ["posted"] * 11
    assert purse_of(wang, points)["available"] == 1_000 - 99
