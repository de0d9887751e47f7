"""Who lives together: written down by staff, dated, one home at a time; and what that means for who decides (F09)."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.refusals import Refusal
from members import housing
from members.models import Household, HouseholdMembership, Member
from members.sealing import PersonalData, seal_person
from points.correcting import credits
from tests.approvals import cast as approvals
from tests.factories import BranchFactory, MemberFactory

pytestmark = pytest.mark.django_db
NOON = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
TODAY = datetime.date(2026, 3, 2)
DAY = datetime.timedelta(days=1)
TELLER = Actor.job("teller")


def living_with(member: Member, other: Member, **more) -> Household:
    arguments = {"reason": "same door", "at": NOON, "actor": TELLER}
    return housing.move_in(member=member, with_member=other, **arguments | more)


def refused(act) -> str:
    before = list(HouseholdMembership.objects.order_by("pk").values_list("member", "household", "starts_on", "ends_on"))
    with pytest.raises(Refusal) as refusal, transaction.atomic():
        act()
    after = list(HouseholdMembership.objects.order_by("pk").values_list("member", "household", "starts_on", "ends_on"))
    assert after == before
    return refusal.value.code


def known(phone: str, **fields) -> Member:
    member = MemberFactory(**fields)
    seal_person(member.pk, PersonalData(full_name="王小雨", phone=phone)).save()
    return member


def test_two_move_in_and_a_third_joins_them():
    wang, li, zhao = MemberFactory.create_batch(3)

    home = living_with(wang, li)
    assert living_with(zhao, wang) == living_with(zhao, wang) == home

    assert set(home.memberships.open().values_list("member", flat=True)) == {wang.pk, li.pk, zhao.pk}
    assert AuditEvent.objects.filter(verb="households.move_in").count() == 3


def test_who_moved_out_stays_in_the_history():
    wang, li = MemberFactory.create_batch(2)
    living_with(wang, li)

    housing.move_out(member=wang, reason="moved", at=NOON + 10 * DAY, actor=TELLER)

    assert housing.place_of(wang.pk) is None
    rows = [(one.member, one.starts_on, one.ends_on) for one in housing.history_of(li.pk)]
    assert rows == [(li, TODAY, None), (wang, TODAY, TODAY + 10 * DAY)]
    living_with(wang, MemberFactory())


def test_what_can_t_be():
    wang, li, zhao, sun = MemberFactory.create_batch(4)
    living_with(wang, li)
    living_with(zhao, sun)
    Member.objects.filter(pk=sun.pk).update(status="closed", closed_on=TODAY)

    assert refused(lambda: living_with(wang, wang)) == "lives_with_himself"
    assert refused(lambda: living_with(wang, zhao)) == "already_in_household"
    assert refused(lambda: living_with(MemberFactory(), sun)) == "household_of_closed"
    assert refused(lambda: living_with(MemberFactory(), li, reason=" ")) == "reason_missing"
    assert (
        refused(lambda: housing.move_out(member=MemberFactory(), reason="gone", at=NOON, actor=TELLER))
        == "not_in_household"
    )


def test_a_household_has_room_for_so_many():
    home = Household.objects.create(created_on=TODAY)
    crowd = MemberFactory.create_batch(housing.MOST_MEMBERS)
    for one in crowd:
        HouseholdMembership.objects.create(household=home, member=one, starts_on=TODAY)

    assert refused(lambda: living_with(MemberFactory(), crowd[0])) == "household_full"


def test_the_database_knows_one_home_at_a_time():
    wang, li = MemberFactory.create_batch(2)
    living_with(wang, li)
    home = Household.objects.create(created_on=TODAY)

    with pytest.raises(IntegrityError, match="member_in_one_household_at_a_time"), transaction.atomic():
        HouseholdMembership.objects.create(household=home, member=wang, starts_on=TODAY)


def test_members_with_the_same_phone_are_suggested_until_somebody_has_said_so():
    branch = BranchFactory()
    wang, li, _other = known("13800000001", branch=branch), known("13800000001", branch=branch), known("13800000002")
    known("13800000001")
    seen = Member.objects.filter(branch=branch)

    with CaptureQueriesContext(connection) as statements:
        assert housing.suggested(wang, visible=seen) == [li]
    assert len(statements) == 1

    living_with(wang, li)
    assert housing.suggested(wang, visible=seen) == []
    housing.move_out(member=li, reason="moved", at=NOON, actor=TELLER)
    assert housing.suggested(wang, visible=seen) == []


def test_staff_don_t_credit_whom_they_live_with():
    """F09: it is flagged when asked for, and another must decide; past housemates don't count."""
    cast = approvals.assemble()
    own = MemberFactory(user=cast.lin, branch=cast.lujiazui)
    living_with(cast.wang, own)

    made = approvals.ask(cast)

    assert made.own_account
    housing.move_out(member=cast.wang, reason="moved", at=NOON, actor=TELLER)
    assert not credits(made.payload, cast.lin)


def test_nor_approve_it():
    cast = approvals.assemble()
    own = MemberFactory(user=cast.mo, branch=cast.lujiazui)
    made = approvals.ask(cast)
    living_with(cast.wang, own)

    with pytest.raises(Refusal) as refusal, transaction.atomic():
        approvals.approve(made, cast.mo)

    assert refusal.value.code == "own_account"
    assert approvals.status_of(made) == "pending"
