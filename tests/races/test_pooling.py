"""The pool's race beside its naive twin: many spend the last of a month's limit at once."""

import threading

from foundation import transactions
from foundation.jobs.models import Bank
from members import families
from members.models import FamilyMembership
from points import pooling
from points.models import PoolMonth
from tests.factories import MemberFactory
from tests.points.cast import asked, books_ok, open_bank, purse_of
from tests.points.test_pooling import TRAIL, allow, spend
from tests.races.test_night import at_once
from tests.races.test_posting import commit


def a_family():
    """Return the head with 1,000 points, a member who may spend 100 a month, the currency and his place."""
    wang, points = open_bank()
    Bank.objects.update(family_pool=True)
    li = MemberFactory(branch=wang.branch)
    commit(asked(wang, points, 1_000))
    transactions.commit(families.invite, member_id=wang.pk, number=li.number, **TRAIL)
    place = FamilyMembership.objects.inviting(li.number).get().pk
    transactions.commit(families.accept, membership_id=place, member_id=li.pk, **TRAIL)
    allow(wang, place, points, 100)
    return wang, li, points, place


def test_twenty_spend_the_last_hundred(committed):
    """What is spent is exactly the limit, in the month's row and in the purse."""
    wang, li, points, place = a_family()

    def spend_ten():
        try:
            return spend(li, points, 10).redemption.state
        except pooling.PoolLimitExceeded as refusal:
            return refusal.code

    answers = at_once(*[spend_ten] * 20)

    assert sorted(answers) == ["done"] * 10 + ["pool_limit_exceeded"] * 10
    assert PoolMonth.objects.get(membership=place).points_used == 100
    assert purse_of(wang, points) == {"available": 900, "credited": 1_000, "debited": 100, "entries": 11}
    assert books_ok()


def test_twenty_spend_the_last_hundred_naively(committed):
    """All read that a hundred are left, and all spend ten."""
    wang, li, points, place = a_family()
    spend(li, points, 1)
    together = threading.Barrier(20)

    def read_then_spend():
        used = PoolMonth.objects.get(membership=place).points_used
        together.wait(timeout=30)
        if used + 10 <= 100:
            commit(asked(wang, points, -10))
        return used

    at_once(*[read_then_spend] * 20)

    assert purse_of(wang, points)["debited"] == 201


def test_the_head_leaves_while_a_member_spends(committed):
    """Either it is spent before the family ends, or refused after: never from a family that is no more."""
    wang, li, points, _place = a_family()

    def spend_one():
        try:
            return spend(li, points, 1).redemption.state
        except pooling.NoPool as refusal:
            return refusal.code

    answers = at_once(*[spend_one] * 8, lambda: transactions.commit(families.leave, member_id=wang.pk, **TRAIL))

    assert answers[-1] is None
    assert set(answers[:-1]) <= {"done", "no_pool"}
    assert purse_of(wang, points).get("debited", 0) == answers.count("done")
    assert spend_one() == "no_pool"


def test_two_first_invitations_make_one_family(committed):
    wang, _points = open_bank()
    Bank.objects.update(family_pool=True)
    others = MemberFactory.create_batch(6, branch=wang.branch)

    def invite(member):
        return lambda: transactions.commit(families.invite, member_id=wang.pk, number=member.number, **TRAIL)

    assert at_once(*map(invite, others)) == [None] * 6
    assert families.place_of(wang.pk).family.memberships.open().count() == 7
