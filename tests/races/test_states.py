"""A membership is suspended beside who spends meanwhile: once it is committed nothing is spent; beside the twin that looked before."""

import threading

from foundation.transactions import commit as committing
from members import leaving, moving, spending, suspending
from members.models import Member, StatusChange
from members.states import Reason
from points.models import Kind, Purse, Redemption
from tests.factories import MemberFactory
from tests.points.cast import CLERK, NOON, asked, books_ok, open_bank, purse_of, redeem
from tests.races.test_night import at_once
from tests.races.test_posting import commit, crowd_of, in_rounds


def suspend(member):
    committing(suspending.suspend, member=member, reason=Reason.TAKEOVER, note="", at=NOON, actor=CLERK)


def spend(member, points):
    try:
        committing(redeem, member=member, currency=points, points=1)
    except spending.MembershipSuspended as refusal:
        return refusal.code
    return "done"


def test_a_membership_is_suspended_while_it_is_spent_from(committed):
    """Each is spent before the suspension or refused after it, and none after one that was refused."""
    _wang, points = open_bank()
    crowd = crowd_of(20, points)

    def spend_thrice(number):
        return [spend(crowd[number], points) for _ in range(3)]

    rounds = in_rounds(len(crowd), spend_thrice, spend_thrice, lambda number: suspend(crowd[number]))

    for *spent, _suspended in rounds:
        for answers in spent:
            assert set(answers) <= {"done", "membership_suspended"}
            assert answers == sorted(answers)
    done = sum(answers.count("done") for *spent, _suspended in rounds for answers in spent)
    assert Redemption.objects.count() == done
    assert {spend(who, points) for who in crowd} == {"membership_suspended"}
    assert books_ok()


def test_who_looked_before_spends_from_a_suspended_membership_naively(committed):
    """He reads that the member is active, and books by a kind that the ledger lets through."""
    wang, points = open_bank()
    commit(asked(wang, points, 100))
    looked, suspended = threading.Event(), threading.Event()

    def look_then_spend():
        is_active = Member.objects.get(pk=wang.pk).status == "active"
        looked.set()
        suspended.wait(timeout=30)
        return commit(asked(wang, points, -10, kind=Kind.ADJUST))[0].outcome if is_active else "suspended"

    def suspends():
        looked.wait(timeout=30)
        suspend(wang)
        suspended.set()

    assert at_once(look_then_spend, suspends) == ["posted", None]
    assert purse_of(wang, points)["available"] == 90


def test_a_first_purse_opens_while_its_membership_is_suspended(committed):
    """Whoever comes first: the purse that is there afterwards is kept from earning and spending."""
    _wang, points = open_bank()
    crowd = MemberFactory.create_batch(20, branch=MemberFactory().branch)

    in_rounds(
        len(crowd),
        lambda number: commit(asked(crowd[number], points, 5))[0].outcome,
        lambda number: suspend(crowd[number]),
    )

    kept = Purse.objects.filter(member_id__in=[who.pk for who in crowd])
    assert set(kept.values_list("no_earning", "no_spending")) == {("suspended", "suspended")}
    assert kept.count() == 20
    assert books_ok()


def test_two_moves_at_once_and_one_is_made(committed):
    wang, _points = open_bank()

    def close():
        committing(leaving.close, member=wang, reason=Reason.WISH, note="", at=NOON, actor=CLERK)

    answers = at_once(*[lambda: suspend(wang)] * 4, *[close] * 2)

    made = [change.to_state for change in StatusChange.objects.order_by("id")]
    assert made in (["closed"], ["suspended", "closed"])
    refused = [answer for answer in answers if isinstance(answer, moving.IllegalMove)]
    assert len(refused) == 6 - len(made)
