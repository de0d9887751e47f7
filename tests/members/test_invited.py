"""Who was loaded and has not accepted collects; who is joining is nobody yet; who has left is unknown to the ledger (domain.md §3)."""

import datetime
import uuid

import pytest

from foundation.actors import Actor
from members.models import Member
from points import ledger, partitions
from points.models import Kind, Purse
from tests.factories import MemberFactory, PointCurrencyFactory
from tests.members.cast import TODAY, accept, open_bank, verified

pytestmark = pytest.mark.django_db
UNTIL = datetime.date(2027, 3, 31)


def earn(member_id: int) -> str:
    """Post ten points to a member; return the outcome."""
    partitions.ensure(first=UNTIL, last=UNTIL)
    posting = {"kind": Kind.EARN, "points": 10, "occurred_on": TODAY, "expires_on": UNTIL, "cause": "test/1"}
    posting |= {"member_id": member_id, "currency_id": PointCurrencyFactory().pk, "key": uuid.uuid4()}
    [answer] = ledger.post([ledger.Posting(**posting)], actor=Actor.job("test"))
    return answer.outcome


@pytest.fixture(autouse=True)
def bank():
    open_bank()


def test_an_invited_member_collects():
    invited = MemberFactory(invited=True)

    assert earn(invited.pk) == "posted"
    assert Purse.objects.get(member_id=invited.pk).available == 10


def test_who_is_joining_is_nobody_and_collects_from_the_moment_he_accepts():
    enrolment = verified()
    before = Member.objects.count()

    assert earn(accept(enrolment).pk) == "posted"
    assert before == 0


def test_a_closed_member_is_unknown():
    closed = MemberFactory(status="closed", closed_on=TODAY)

    assert earn(closed.pk) == "unknown_purse"
    assert not Purse.objects.exists()
