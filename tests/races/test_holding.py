"""A hold ends once, however many would end it at once: captured, released or lapsed, never two of these; naively it is two of them."""

import datetime
import threading
import uuid

from foundation import transactions
from points import holding
from points.holding import Aside
from points.models import Hold, Purse
from tests.points.cast import CLERK, MONDAY, asked, books_ok, open_bank
from tests.races.test_night import at_once
from tests.races.test_posting import ROUNDS, commit

NOON = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
LATER = NOON + datetime.timedelta(hours=1)


def test_capture_release_and_lapse_of_one_hold(committed):
    wang, points = open_bank()
    commit(asked(wang, points, ROUNDS * 10))

    ended = []
    for _ in range(ROUNDS):
        key = uuid.uuid4()
        wanted = Aside(
            member_id=wang.pk, currency_id=points.pk, key=key, points=10, lapses_at=LATER, cause="redemption/p/1"
        )
        transactions.commit(holding.hold, batch=[wanted], today=MONDAY, actor=CLERK)
        hold = [(wang.pk, points.pk, key)]
        captured, released, lapsed = at_once(
            lambda hold=hold: transactions.commit(
                holding.capture, holds=hold, occurred_on=MONDAY, at=NOON, actor=CLERK
            ),
            lambda hold=hold: transactions.commit(holding.release, holds=hold, today=MONDAY, actor=CLERK),
            lambda: transactions.commit(holding.lapse, at=LATER, today=MONDAY, actor=CLERK),
        )
        won = {
            captured[0].outcome == "posted": "captured",
            released[0].outcome == "released": "released",
            lapsed == 1: "lapsed",
        }
        ended.append((won[True], Hold.objects.get(key=key).state))
        assert [captured[0].outcome == "posted", released[0].outcome == "released", lapsed == 1].count(True) == 1

    assert all(won == state for won, state in ended)
    spent = 10 * sum(state == "captured" for _won, state in ended)
    purse = Purse.objects.get()
    assert (purse.available, purse.held, purse.debited) == (ROUNDS * 10 - spent, 0, spent)
    assert books_ok()


def test_two_holds_of_eighty_at_a_hundred(committed):
    wang, points = open_bank()
    commit(asked(wang, points, 100))

    def one():
        wanted = Aside(
            member_id=wang.pk,
            currency_id=points.pk,
            key=uuid.uuid4(),
            points=80,
            lapses_at=LATER,
            cause="redemption/p/2",
        )
        return transactions.commit(holding.hold, batch=[wanted], today=MONDAY, actor=CLERK)[0].outcome

    assert sorted(at_once(one, one)) == ["held", "insufficient"]
    assert (Purse.objects.get().available, Purse.objects.get().held) == (20, 80)
    assert books_ok()


def test_two_holds_of_eighty_at_a_hundred_naively(committed):
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    together = threading.Barrier(2)

    def one():
        available = Purse.objects.get().available
        together.wait(timeout=30)
        if available < 80:
            return "insufficient"
        Purse.objects.using("owner").filter(pk=(wang.pk, points.pk)).update(
            available=available - 80, held=available - (available - 80)
        )
        return "held"

    assert at_once(one, one) == ["held", "held"]
    assert (Purse.objects.get().available, Purse.objects.get().held) == (20, 80)


def test_capture_and_release_of_one_hold_naively(committed):
    """Both see that it is held, and both say that they ended it."""
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    aside = Aside(
        member_id=wang.pk, currency_id=points.pk, key=uuid.uuid4(), points=40, lapses_at=LATER, cause="redemption/p/3"
    )
    transactions.commit(holding.hold, batch=[aside], today=MONDAY, actor=CLERK)
    together = threading.Barrier(2)

    def end(state):
        is_held = Hold.objects.filter(key=aside.key, state="held").exists()
        together.wait(timeout=30)
        if is_held:
            Hold.objects.using("owner").filter(key=aside.key).update(state=state, ended_on=MONDAY, entry_number=2)
        return state if is_held else "too late"

    assert at_once(lambda: end("captured"), lambda: end("released")) == ["captured", "released"]
