"""Freezing beside who spends meanwhile: once it is committed nothing is spent any more; beside the twin that looked before."""

import threading

from django.db import transaction

from foundation.transactions import commit as committing
from points import freezing, redeeming
from points.models import Kind, Purse, Redemption
from tests.points.cast import CLERK, NOON, asked, books_ok, open_bank, purse_of, redeem
from tests.races.test_night import at_once
from tests.races.test_posting import commit, crowd_of, in_rounds


def freeze(member, points):
    return committing(freezing.freeze, member=member, currency=points, reason="phone lost", at=NOON, actor=CLERK)


def spend(member, points):
    try:
        committing(redeem, member=member, currency=points, points=1)
    except redeeming.PurseFrozen as refusal:
        return refusal.code
    return "done"


def test_a_purse_is_frozen_while_it_is_spent_from(committed):
    """Each is spent before the freeze or refused after it, and none after one that was refused."""
    _wang, points = open_bank()
    crowd = crowd_of(20, points)

    def spend_thrice(number):
        return [spend(crowd[number], points) for _ in range(3)]

    rounds = in_rounds(len(crowd), spend_thrice, spend_thrice, lambda number: freeze(crowd[number], points))

    for *spent, _frozen in rounds:
        for answers in spent:
            assert set(answers) <= {"done", "frozen"}
            assert answers == sorted(answers)
    done = sum(answers.count("done") for *spent, _frozen in rounds for answers in spent)
    assert Redemption.objects.count() == done
    assert {spend(who, points) for who in crowd} == {"frozen"}
    assert books_ok()


def test_who_waits_for_the_purse_while_it_is_frozen_is_refused(committed):
    """The freeze stands but is not committed yet: the redemption waits for it, and finds it."""
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    frozen = threading.Event()

    def freezes():
        with transaction.atomic():
            freezing.freeze(member=wang, currency=points, reason="phone lost", at=NOON, actor=CLERK)
            frozen.set()
            spender.join(timeout=0.3)
            assert spender.is_alive()

    answers = []

    def spends():
        frozen.wait(timeout=30)
        answers.append(spend(wang, points))

    spender = threading.Thread(target=lambda: at_once(spends))
    spender.start()
    assert at_once(freezes) == [None]
    spender.join(timeout=30)

    assert answers == ["frozen"]
    assert purse_of(wang, points)["available"] == 100


def test_who_looked_before_spends_from_a_frozen_purse_naively(committed):
    """He reads that the purse is free, and books by a kind that the ledger lets through."""
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    looked, frozen = threading.Event(), threading.Event()

    def look_then_spend():
        is_free = not Purse.objects.get().frozen
        looked.set()
        frozen.wait(timeout=30)
        return commit(asked(wang, points, -10, kind=Kind.ADJUST))[0].outcome if is_free else "frozen"

    def freezes():
        looked.wait(timeout=30)
        freeze(wang, points)
        frozen.set()

    assert at_once(look_then_spend, freezes) == ["posted", None]
    assert purse_of(wang, points)["available"] == 90


def test_two_freeze_at_once_and_one_does(committed):
    wang, points = open_bank()
    commit(asked(wang, points, 100))

    answers = at_once(*(lambda: freeze(wang, points) for _ in range(6)))

    refused = [answer for answer in answers if isinstance(answer, freezing.AlreadyFrozen)]
    assert len(refused) == 5
    assert Purse.objects.get().frozen
