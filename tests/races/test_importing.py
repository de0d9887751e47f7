"""Imports side by side, and beside the counters: a lot is credited once, and none is taken back that somebody has used."""

import threading

import pytest
from django.db import connections

from foundation import transactions
from importing import going_on, opening, undoing
from importing.models import Import, OpeningLot
from points import ledger
from points.models import Entry, Purse
from tests.importing.cast import LATER, OPENING, Cast, again, approve, ask, ask_to_undo, assemble, checked, work
from tests.points.cast import CLERK, asked, books_ok
from tests.races.test_night import at_once

LOTS = "A-WANG,points,1200,2025-03-10,2027-03-31,L-1\nA-WANG,points,300,2025-08-01,2026-08-31,L-2\n"


@pytest.fixture
def cast(committed) -> Cast:
    return transactions.commit(assemble)


def approved(cast: Cast) -> Import:
    """Let a file of the lots come so far that a worker can take it in."""
    import_ = transactions.commit(checked, cast=cast, content=OPENING + LOTS, kind="opening", control_total=1500)
    made = transactions.commit(ask, import_=import_)
    transactions.commit(approve, made=made, user=cast.fang)
    return import_


def take_in(import_: Import) -> None:
    while transactions.commit(going_on.do_next, import_id=import_.pk, at=LATER):
        pass


def both_at_once(cast: Cast) -> None:
    first, second = approved(cast), approved(cast)
    answers = at_once(lambda: take_in(first), lambda: take_in(second))
    assert answers == [None, None]


def test_two_files_of_the_same_lots_at_once_credit_each_lot_once(cast):
    both_at_once(cast)

    assert Entry.objects.count() == OpeningLot.objects.count() == 2
    done = [one.result["counts"] for one in Import.objects.all()]
    assert sorted((one["new"], one["unchanged"]) for one in done) == [(0, 2), (2, 0)]
    assert books_ok()


def test_naive_twin_looks_and_then_credits_and_doubles_the_points(cast, monkeypatch):
    together = threading.Barrier(2, timeout=60)

    def write(lots):
        together.wait()
        return {(lot.member_id, lot.currency_id, lot.identity) for lot in lots}

    monkeypatch.setattr(opening, "_write", write)

    both_at_once(cast)

    assert Purse.objects.get().available == 3000


def spent_after_the_look(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Import:
    """Let an import be taken back while a counter spends, just after it was seen that nobody had."""
    import_ = approved(cast)
    take_in(import_)
    transactions.commit(approve, made=transactions.commit(ask_to_undo, import_=again(import_)), user=cast.fang)
    look, looks = undoing.refuse_unless_undoable, []

    def look_and_let_spend(import_):
        look(import_)
        if not looks:
            looks.append(1)
            [answer] = at_once(
                lambda: transactions.commit(ledger.post, batch=[asked(cast.wang, cast.points, -10)], actor=CLERK)
            )
            assert answer[0].outcome == "posted"

    monkeypatch.setattr(undoing, "refuse_unless_undoable", look_and_let_spend)
    transactions.commit(work, import_=import_)
    return again(import_)


def test_what_is_spent_while_it_is_taken_back_stops_it(cast, monkeypatch):
    import_ = spent_after_the_look(cast, monkeypatch)

    assert (import_.status, import_.refusal["code"]) == ("done", "done_since")
    purse = Purse.objects.get()
    assert (purse.available, purse.owed) == (1490, 0)
    assert books_ok()


def test_naive_twin_does_not_look_again_and_leaves_the_member_owing(cast, monkeypatch):
    statement = undoing.statement
    monkeypatch.setattr(
        undoing, "statement", lambda app, name: "SELECT 0" if name == "lots_taken_elsewhere" else statement(app, name)
    )

    spent_after_the_look(cast, monkeypatch)

    purse = Purse.objects.get()
    assert (purse.available, purse.owed) == (0, 10)
    connections.close_all()
