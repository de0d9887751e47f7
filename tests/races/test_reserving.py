"""A hold ends once: capture, release and lapse at the same time, beside the naive twin that ends it three times."""

import datetime
import threading

from foundation import transactions
from points import reserving
from points.models import Hold, Purse, Redemption
from tests.factories import MemberFactory
from tests.points.cast import CLERK, MONDAY, NOON, asked, books_ok, open_bank, purse_of, wish
from tests.races.test_night import at_once
from tests.races.test_posting import ROUNDS, commit, in_rounds


def test_capture_release_and_lapse_of_one_hold(committed):
    """B14: posted, voided or lapsed, never two of them, and the redemption says which."""
    wang, points = open_bank()
    crowd = MemberFactory.create_batch(ROUNDS, branch=wang.branch)
    commit(*(asked(who, points, 100) for who in crowd))
    made = [
        transactions.commit(
            reserving.hold, wish=wish(who, points, 80), minutes=1 + place, at=NOON, actor=CLERK
        ).redemption
        for place, who in enumerate(crowd)
    ]

    def end(verb):
        def ended(number):
            redemption = Redemption.objects.get(pk=made[number].pk)
            try:
                return transactions.commit(verb, redemption=redemption, at=NOON, actor=CLERK).state
            except (reserving.HoldEnded, reserving.AlreadyCaptured) as refusal:
                return refusal.code

        return ended

    def lapse(number):
        at = NOON + datetime.timedelta(minutes=1 + number)
        return transactions.commit(reserving.lapse, at=at, today=MONDAY, actor=CLERK)

    rounds = in_rounds(ROUNDS, end(reserving.capture), end(reserving.release), lapse)

    for who, redemption, (captured, released, _lapsed) in zip(crowd, made, rounds, strict=True):
        redemption.refresh_from_db()
        held = Hold.objects.get(member_id=who.pk)
        done = redemption.state == "done"
        assert redemption.state in {"done", "released", "lapsed"}
        assert held.state == ("captured" if done else redemption.state)
        assert (captured == "done", released == "already_captured") == (done, done)
        purse = Purse.objects.get(member_id=who.pk)
        assert (purse.available, purse.held, purse.debited) == ((20, 0, 80) if done else (100, 0, 0))
    assert books_ok()


def test_capture_and_release_naively(committed):
    """Both read that it is held, and both end it."""
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    transactions.commit(reserving.hold, wish=wish(wang, points, 80), minutes=30, at=NOON, actor=CLERK)
    together = threading.Barrier(2)

    def read_then_end(state):
        held = Redemption.objects.get().state == "held"
        together.wait(timeout=30)
        if held and state == "done":
            commit(asked(wang, points, -20))
        return held and state

    assert at_once(lambda: read_then_end("done"), lambda: read_then_end("released")) == ["done", "released"]
    assert purse_of(wang, points)["debited"] == 20
