"""A merge is asked for by one and decided by another, who both reach both records, and neither of whom is one of them."""

import uuid

import pytest
from django.db import transaction

from foundation.access.models import Role
from foundation.actors import Actor
from foundation.approvals import deciding
from foundation.approvals.kinds import kind_of
from foundation.refusals import Refusal
from members import housing
from members.models import Member, Merge
from membership_site import merge_requests
from tests.approvals.cast import AT, LATER, Cast, approve, assemble, picture, posted, status_of
from tests.factories import BranchFactory, MemberFactory
from tests.points.cast import asked, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return assemble()


@pytest.fixture
def other(cast: Cast) -> Member:
    """Wang's second record, in the branch of the first."""
    return MemberFactory(number="B-WANG", branch=cast.lujiazui)


def ask(cast: Cast, kept: Member, gone: Member, *, by=None):
    return merge_requests.ask(
        id=uuid.uuid4(), kept=kept, gone=gone, reason="one person", actor=Actor(user=by or cast.lin), at=AT
    )


def refused(act) -> str:
    before = picture()
    with pytest.raises(Refusal) as refusal, transaction.atomic():
        act()
    assert picture() == before
    return refusal.value.code


def test_one_asks_and_another_decides(cast, other):
    made = ask(cast, cast.wang, other)

    decision = approve(made, cast.mo)

    other.refresh_from_db()
    assert other.merged_into == cast.wang
    assert decision.result["merge"] == Merge.objects.get().pk
    words = kind_of(made.kind).describe(made.payload, user=cast.mo, as_of=AT.date())
    assert str(words.sentence) == "Merge the record B-WANG into A-WANG: one person, one record."


def test_it_is_undone_the_same_way_and_can_be_asked_for_again(cast, other):
    approve(ask(cast, cast.wang, other), cast.mo)
    undoing = merge_requests.ask_to_undo(
        id=uuid.uuid4(), merge=Merge.objects.get(), reason="two persons", actor=Actor(user=cast.lin), at=AT
    )

    approve(undoing, cast.mo)

    other.refresh_from_db()
    assert (other.status, other.merged_into) == ("active", None)
    approve(ask(cast, cast.wang, other), cast.mo)


def test_who_asks_does_not_decide(cast, other):
    made = ask(cast, cast.wang, other, by=cast.mo)

    assert refused(lambda: approve(made, cast.mo)) == "own_request"


def test_it_is_stale_where_a_record_moved_since(cast, other):
    made = ask(cast, cast.wang, other)
    post(asked(other, cast.points, 5))

    assert refused(lambda: approve(made, cast.mo)) == "stale"
    assert deciding.set_aside(request_id=made.pk, actor=Actor.job("test"), at=LATER)
    assert status_of(made) == "stale"


def test_both_ways_round_are_one_question(cast, other):
    ask(cast, cast.wang, other)

    assert refused(lambda: ask(cast, other, cast.wang)) == "already_requested"


def test_a_record_of_another_branch_is_for_who_leads_both(cast):
    """Lin reaches Lujiazui alone; the request belongs to head office, where he has no posting."""
    far = MemberFactory(number="C-WANG", branch=cast.harbour)

    assert refused(lambda: ask(cast, cast.wang, far)) == "may_not_request"
    compliance, head = cast.pudong.parent, posted(Role.BRANCH_MANAGER, cast.pudong.parent)
    made = ask(cast, cast.wang, far, by=head)
    assert made.branch == compliance
    assert refused(lambda: approve(made, cast.mo)) == "no_such_request"


def test_records_without_a_branch_above_both_are_refused(cast):
    elsewhere = MemberFactory(branch=BranchFactory(code="X"))

    assert refused(lambda: ask(cast, cast.wang, elsewhere)) == "no_common_branch"


def test_nobody_merges_or_decides_on_his_own_records(cast, other):
    Member.objects.filter(pk=other.pk).update(user=cast.lin)
    assert refused(lambda: ask(cast, cast.wang, other)) == "own_record"

    Member.objects.filter(pk=other.pk).update(user=cast.mo)
    made = ask(cast, cast.wang, other)

    assert made.own_account is False
    assert refused(lambda: approve(made, cast.mo)) == "own_account"


def test_nor_on_those_of_somebody_he_lives_with(cast, other):
    own = MemberFactory(user=cast.mo, branch=cast.lujiazui)
    housing.move_in(member=other, with_member=own, reason="same door", at=AT, actor=Actor(user=cast.lin))
    made = ask(cast, cast.wang, other)

    assert refused(lambda: approve(made, cast.mo)) == "own_account"
