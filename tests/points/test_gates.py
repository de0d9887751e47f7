"""What a membership's state keeps its purses from: each door refuses spending by its word; earning that waits is not lost."""

import datetime
import uuid

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation.actors import Actor
from foundation.jobs.models import Bank
from foundation.outbox.models import Obligation
from members import leaving, moving, spending, suspending, waking
from members.models import Member
from members.states import REINSTATE, Reason
from points import holding, redeeming, transferring
from points.models import Kind, Purse, Redemption
from tests.factories import MemberFactory, StaffFactory
from tests.points.cast import CLERK, MONDAY, NOON, asked, books_ok, open_bank, outcomes, post, purse_of, redeem, wish
from tests.points.test_pooling import allow, join, spend

pytestmark = pytest.mark.django_db
# State, the ledger's word, the code that people get.
KEPT = [
    ("invited", "invited", "not_accepted"),
    ("dormant", "dormant", "membership_dormant"),
    ("suspended", "suspended", "membership_suspended"),
    ("cooling", "cooling_off", "cooling_off"),
]


def put(member: Member, state: str) -> None:
    """Let a member stand in a state, as its verb would."""
    changes = {"invited": {"accepted_at": None}, "cooling": {"cools_off_until": NOON}}
    Member.objects.filter(pk=member.pk).update(**changes.get(state, {"status": state}))


@pytest.fixture
def rich():
    """Wang with 100 points; the currency."""
    wang, points = open_bank()
    post(asked(wang, points, 100))
    return wang, points


@pytest.mark.parametrize(("state", "word", "code"), KEPT)
def test_nothing_is_spent_by_any_door(rich, state, word, code):
    wang, points = rich
    put(wang, state)

    aside = holding.Aside(
        member_id=wang.pk, currency_id=points.pk, key=uuid.uuid4(), points=1, lapses_at=NOON, cause="test/1"
    )
    assert outcomes(post(asked(wang, points, -1))) == [word]
    assert outcomes(post(asked(wang, points, -1), asked(wang, points, -1, kind=Kind.TRANSFER))) == [word, word]
    assert outcomes(holding.hold([aside], today=MONDAY, actor=CLERK)) == [word]
    assert redeeming.redeem_each([wish(wang, points, 1)], at=NOON, actor=CLERK)[0].outcome == word
    with pytest.raises(spending.REFUSED[word]) as refusal, transaction.atomic():
        redeem(wang, points, 1)
    with pytest.raises(spending.REFUSED[word]), transaction.atomic():
        transferring.transfer(
            from_member_id=wang.pk,
            to_member_id=MemberFactory().pk,
            currency_id=points.pk,
            points=1,
            key=uuid.uuid4(),
            reference="gift",
            occurred_on=MONDAY,
            at=NOON,
            actor=CLERK,
        )

    assert refusal.value.code == code
    assert purse_of(wang, points) == {"available": 100, "credited": 100, "entries": 1}
    assert not Redemption.objects.exists()
    assert books_ok()


@pytest.mark.parametrize(("state", "word", "code"), KEPT)
def test_what_is_no_spending_goes_on(rich, state, word, code):
    wang, points = rich
    put(wang, state)

    answers = post(
        asked(wang, points, 10),
        asked(wang, points, 5, kind=Kind.RESTORE),
        asked(wang, points, -3, kind=Kind.CLAWBACK),
        asked(wang, points, -2, kind=Kind.ADJUST),
    )
    [alone] = post(asked(wang, points, 1))

    earning = "suspended" if state == "suspended" else "posted"
    assert outcomes([*answers, alone]) == [earning, "posted", "posted", "posted", earning]
    assert books_ok()


def test_what_was_posted_before_answers_as_it_did(rich):
    wang, points = rich
    spent = asked(wang, points, -10)
    post(spent)
    put(wang, "suspended")

    assert outcomes(post(spent)) == ["duplicate"]


@pytest.mark.parametrize(("state", "word", "code"), KEPT)
def test_a_purse_that_opens_later_is_kept_too(state, word, code):
    _wang, points = open_bank()
    late = MemberFactory()
    put(late, state)
    also = MemberFactory(accepted_at=None)

    answers = outcomes(post(asked(late, points, 10, kind=Kind.RESTORE), asked(also, points, 10)))

    assert answers == ["posted", "posted"]
    assert outcomes(post(asked(late, points, -1))) == [word]
    assert outcomes(post(asked(also, points, -1))) == ["invited"]


def test_who_is_moved_back_spends_again_and_who_is_closed_never(rich):
    wang, points = rich
    clerk = Actor(user=StaffFactory())
    suspending.suspend(member=wang, reason=Reason.DISPUTE, note="", at=NOON, actor=clerk)
    kept = outcomes(post(asked(wang, points, -1)))
    moving.move([wang.pk], transition=REINSTATE, reason=Reason.CLEARED, at=NOON, actor=clerk)
    free = outcomes(post(asked(wang, points, -1)))
    leaving.close(member=wang, reason=Reason.WISH, note="", at=NOON, actor=clerk)

    assert (kept, free, outcomes(post(asked(wang, points, -1)))) == (["suspended"], ["posted"], ["unknown_purse"])
    assert books_ok()


def test_accepting_opens_the_gate():
    _wang, points = open_bank()
    invited = MemberFactory(accepted_at=None)
    post(asked(invited, points, 50))
    before = outcomes(post(asked(invited, points, -1)))

    moving.accept(member_id=invited.pk, at=NOON, actor=CLERK)

    assert (before, outcomes(post(asked(invited, points, -1)))) == (["invited"], ["posted"])


@pytest.mark.parametrize(("state", "word", "code"), KEPT)
def test_the_family_pays_for_nobody_who_may_not_spend(rich, state, word, code):
    wang, points = rich
    Bank.objects.update(family_pool=True)
    li = MemberFactory(branch=wang.branch)
    allow(wang, join(wang, li), points, 50)
    put(li, state)

    with pytest.raises(spending.REFUSED[word]):
        spend(li, points, 10)
    put(wang, "suspended")
    Member.objects.filter(pk=li.pk).update(status="active", accepted_at=NOON, cools_off_until=None)
    with pytest.raises(spending.MembershipSuspended):
        spend(li, points, 10)

    assert purse_of(wang, points)["available"] == 100


def test_nobody_gives_to_who_may_not_earn(rich):
    wang, points = rich
    other = MemberFactory()
    put(other, "suspended")
    gift = {"key": uuid.uuid4(), "reference": "gift", "occurred_on": MONDAY, "at": NOON, "actor": CLERK}

    with pytest.raises(transferring.UnknownRecipient), transaction.atomic():
        transferring.transfer(from_member_id=wang.pk, to_member_id=other.pk, currency_id=points.pk, points=1, **gift)

    assert purse_of(wang, points)["available"] == 100


def test_what_was_given_before_arrives_at_who_is_suspended_meanwhile(rich):
    wang, points = rich
    other = MemberFactory()
    gift = {"key": uuid.uuid4(), "reference": "gift", "occurred_on": MONDAY, "at": NOON, "actor": CLERK}
    transferring.transfer(from_member_id=wang.pk, to_member_id=other.pk, currency_id=points.pk, points=40, **gift)
    put(other, "suspended")

    transferring.credit(list(Obligation.objects.all()), at=NOON, actor=CLERK)

    assert purse_of(other, points)["available"] == 40
    assert outcomes(post(asked(other, points, -1))) == ["suspended"]


def test_the_gates_of_many_take_as_many_statements_as_of_one():
    _wang, points = open_bank()
    few, many = [MemberFactory()], MemberFactory.create_batch(20)
    post(*(asked(who, points, 5) for who in [*few, *many]))

    def count(members: list[Member]) -> int:
        with CaptureQueriesContext(connection) as queries:
            waking.doze([who.pk for who in members], on=MONDAY, at=NOON, actor=CLERK)
        return len(queries)

    assert count(few) == count(many)
    assert Purse.objects.filter(no_spending="dormant").count() == 21


def test_a_member_woken_with_a_new_contact_cools_off_whichever_came_first():
    """G13: a dormant account wakes, changes its contact, and would redeem all."""
    wang, points = open_bank()
    li = MemberFactory()
    post(asked(wang, points, 100), asked(li, points, 100))
    hour, clerk = datetime.timedelta(hours=1), Actor(user=StaffFactory())
    for member in (wang, li):
        waking.doze([member.pk], on=MONDAY, at=NOON, actor=CLERK)
    waking.wake([wang.pk], reason=Reason.VISIT, at=NOON, actor=CLERK)
    free = outcomes(post(asked(wang, points, -1)))
    waking.note_new_contacts([wang.pk], at=NOON + hour, actor=CLERK)
    waking.note_new_contacts([li.pk], at=NOON, actor=CLERK)
    waking.wake([li.pk], reason=Reason.VISIT, at=NOON + hour, actor=CLERK)

    held = [outcomes(post(asked(who, points, -99))) for who in (wang, li)]
    with pytest.raises(spending.CoolingOff), transaction.atomic():
        redeem(wang, points, 99)
    waking.release(member=li, reason="asked by phone", at=NOON, actor=clerk)
    early = waking.end_cooling_off(at=NOON + 72 * hour)
    ended = waking.end_cooling_off(at=NOON + 73 * hour)

    assert (free, held) == (["posted"], [["cooling_off"], ["cooling_off"]])
    assert (early, ended) == (0, 1)
    assert [outcomes(post(asked(who, points, -99))) for who in (wang, li)] == [["posted"], ["posted"]]
    with pytest.raises(waking.NotCoolingOff), transaction.atomic():
        waking.release(member=li, reason="again", at=NOON, actor=clerk)


def test_a_new_contact_of_who_was_awake_or_a_waking_long_ago_holds_nothing_back():
    wang, points = open_bank()
    li = MemberFactory()
    post(asked(wang, points, 10), asked(li, points, 10))
    waking.note_new_contacts([wang.pk], at=NOON, actor=CLERK)
    waking.doze([li.pk], on=MONDAY, at=NOON, actor=CLERK)
    waking.wake([li.pk], reason=Reason.VISIT, at=NOON, actor=CLERK)
    waking.note_new_contacts([li.pk], at=NOON + datetime.timedelta(hours=73), actor=CLERK)

    assert [outcomes(post(asked(who, points, -1))) for who in (wang, li)] == [["posted"], ["posted"]]
