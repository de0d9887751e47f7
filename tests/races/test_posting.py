"""The ledger's races, each beside its naive twin that fails: spends, earnings, first posts, expiry, and all of them at once."""

import random
import threading
import uuid
from collections import Counter

from django.db.models import F

from foundation import transactions
from points import lapsing, ledger
from points.models import Entry, Kind, Purse
from tests.factories import MemberFactory
from tests.points.cast import (
    APRIL_END,
    CLERK,
    MARCH_END,
    MONDAY,
    TUESDAY,
    asked,
    books_ok,
    open_bank,
    outcomes,
    purse_of,
    start_closing,
)
from tests.races.test_night import at_once

ROUNDS = 50


def commit(*batch, business_date=None):
    """Post a batch in a transaction of its own."""
    return transactions.commit(ledger.post, batch=batch, actor=CLERK, business_date=business_date)


def crowd_of(size, points):
    """Return so many members, each with an earning of 100 points."""
    crowd = MemberFactory.create_batch(size, branch=MemberFactory().branch)
    commit(*(asked(who, points, 100) for who in crowd))
    return crowd


def in_rounds(count, *calls):
    """Let each call do every round, all of them starting each round together; return the answers, round by round."""
    together = threading.Barrier(len(calls))

    def go(call):
        answers = []
        for number in range(count):
            together.wait(timeout=30)
            answers.append(call(number))
        return answers

    each = at_once(*(lambda call=call: go(call) for call in calls))
    return list(zip(*each, strict=True))


def read_modify_save(pk, points, together):
    """Book points as a program would that reads the purse, thinks, and writes what it thought: the naive twin's way."""
    purse = Purse.objects.using("owner").get(pk=pk)
    together.wait(timeout=30)
    if purse.available + points < 0:
        return "insufficient"
    Purse.objects.using("owner").filter(pk=pk).update(
        available=purse.available + points,
        credited=purse.credited + max(points, 0),
        debited=purse.debited - min(points, 0),
    )
    return "posted"


def test_two_spends_of_eighty_at_a_hundred(committed):
    """A01: one is posted, the other insufficient, whoever comes first."""
    _wang, points = open_bank()
    crowd = crowd_of(ROUNDS, points)

    def spend(number):
        return commit(asked(crowd[number], points, -80))[0].outcome

    for answers in in_rounds(ROUNDS, spend, spend):
        assert sorted(answers) == ["insufficient", "posted"]
    assert set(Purse.objects.values_list("available", "debited")) == {(20, 80)}
    assert books_ok()


def test_two_spends_of_eighty_at_a_hundred_naively(committed):
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    together = threading.Barrier(2)

    answers = at_once(*[lambda: read_modify_save((wang.pk, points.pk), -80, together)] * 2)

    assert answers == ["posted", "posted"]
    assert purse_of(wang, points) == {"available": 20, "credited": 100, "debited": 80, "entries": 1}


def test_many_earn_on_one_purse(committed):
    """A02: what sixteen earn five times each is all there, and each number of the purse is given once."""
    wang, points = open_bank()

    in_rounds(5, *[lambda _number: commit(asked(wang, points, 3), asked(wang, points, 4))] * 16)

    assert purse_of(wang, points) == {"available": 560, "credited": 560, "entries": 160}
    assert books_ok()


def test_many_earn_on_one_purse_naively(committed):
    wang, points = open_bank()
    commit(asked(wang, points, 7))
    together = threading.Barrier(4)

    at_once(*[lambda: read_modify_save((wang.pk, points.pk), 7, together)] * 4)

    assert purse_of(wang, points)["available"] == 14


def test_the_first_posts_of_a_new_purse(committed):
    """A03: twenty at once open it once, and its floor holds."""
    wang, points = open_bank()
    crowd = MemberFactory.create_batch(5, branch=wang.branch)

    rounds = in_rounds(
        5,
        *[lambda number: commit(asked(crowd[number], points, 5))[0].outcome] * 10,
        *[lambda number: commit(asked(crowd[number], points, -50))[0].outcome] * 10,
    )

    for answers in rounds:
        assert Counter(answers[:10]) == {"posted": 10}
        assert Counter(answers[10:])["posted"] <= 1
    assert Purse.objects.count() == 5
    assert not Purse.objects.exclude(available=50 - F("debited")).exists()
    assert books_ok()


def test_the_first_posts_of_a_new_purse_naively(committed):
    """Reading first whether the purse is there, all but one fail on its key."""
    wang, points = open_bank()
    together = threading.Barrier(4)

    def open_and_book():
        purses = Purse.objects.using("owner").filter(pk=(wang.pk, points.pk))
        there = purses.exists()
        together.wait(timeout=30)
        if not there:
            Purse.objects.using("owner").create(member_id=wang.pk, currency_id=points.pk, available=5, credited=5)
        return "posted"

    answers = at_once(*[open_and_book] * 4)

    assert answers.count("posted") == 1
    assert purse_of(wang, points)["available"] == 5


def test_expiry_and_a_debit_of_the_same_lot(committed):
    """A10: what the night claws back and what it expires are never the same points; past midnight nobody spends them."""
    _wang, points = open_bank()
    crowd = MemberFactory.create_batch(ROUNDS, branch=MemberFactory().branch)
    commit(*(asked(who, points, 10, expires_on=MONDAY) for who in crowd))
    start_closing()

    def expire(number):
        who = {"first_member": crowd[number].pk, "last_member": crowd[number].pk}
        return transactions.commit(lapsing.lapse, as_of=MONDAY, actor=CLERK, **who)["lots"]

    def claw_back(number):
        return commit(asked(crowd[number], points, -4, kind=Kind.CLAWBACK), business_date=MONDAY)[0].outcome

    def spend(number):
        return commit(asked(crowd[number], points, -10, occurred_on=TUESDAY))[0].outcome

    rounds = in_rounds(ROUNDS, expire, claw_back, spend)

    assert {answers[1:] for answers in rounds} == {("posted", "insufficient")}
    assert {answers[0] for answers in rounds} <= {0, 1}
    assert Entry.objects.filter(kind=Kind.EXPIRE).count() == ROUNDS
    for debited, expired, owed in Purse.objects.values_list("debited", "expired", "owed"):
        assert (debited, expired, owed) in {(4, 6, 0), (4, 10, 4)}
    assert books_ok(as_of=MONDAY)


def test_expiry_and_a_spend_of_the_same_lot_naively(committed):
    """Both read ten points in the lot, and both take them."""
    wang, points = open_bank()
    commit(asked(wang, points, 10, expires_on=MONDAY))
    together = threading.Barrier(2)

    def take():
        left = Purse.objects.get(pk=(wang.pk, points.pk)).available
        together.wait(timeout=30)
        Purse.objects.using("owner").filter(pk=(wang.pk, points.pk)).update(available=0, debited=left)
        return left

    assert at_once(take, take) == [10, 10]


def test_bulk_counter_and_expiry_on_the_same_purses(committed):
    """Two nights' batches, six counters and an expiry meet on forty purses while a date closes; keys come again and again."""
    seed = 20261122
    print(f"seed {seed}")
    _wang, points = open_bank()
    crowd = crowd_of(40, points)
    start_closing()
    everybody = {"first_member": crowd[0].pk, "last_member": crowd[-1].pk, "actor": CLERK}
    chance = random.Random(seed)
    pool = [something(chance, crowd, points) for _ in range(3_000)]
    errors = Counter()

    def night(own):
        for _ in range(12):
            batch = own.sample(pool, 120)
            errors.update(
                outcome
                for outcome in outcomes(commit(*batch, business_date=MONDAY))
                if outcome in {"frozen", "unknown_purse", "conflict"}
            )

    def counter(own):
        for _ in range(60):
            commit(own.choice(pool))

    def expire(_own):
        for _ in range(15):
            transactions.commit(lapsing.lapse, as_of=MONDAY, **everybody)

    doers = [night] * 2 + [counter] * 6 + [expire]
    done = at_once(*(lambda doer=doer, n=n: doer(random.Random(seed + n)) for n, doer in enumerate(doers)))

    assert done == [None] * len(doers)
    assert errors == {}
    transactions.commit(lapsing.lapse, as_of=MONDAY, **everybody)
    assert books_ok(as_of=MONDAY)
    assert Entry.objects.filter(kind=Kind.EXPIRE).count() > 0
    keys = Entry.objects.exclude(kind=Kind.EXPIRE).values_list("event_key", flat=True)
    assert len(keys) == len(set(keys))


def something(chance, crowd, points):
    """Return a posting of MONDAY for anybody: mostly credits, some of which lapse that day, some redemptions, a few clawbacks."""
    who, kind = chance.choice(crowd), chance.random()
    key = uuid.UUID(int=chance.getrandbits(128))
    if kind < 0.6:
        day = chance.choice([MONDAY, MARCH_END, APRIL_END, None])
        return asked(who, points, chance.randint(1, 200), key=key, expires_on=day)
    if kind < 0.93:
        return asked(who, points, -chance.randint(1, 400), key=key)
    return asked(who, points, -chance.randint(1, 300), key=key, kind=Kind.CLAWBACK)
