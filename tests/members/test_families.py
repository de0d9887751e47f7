"""Families: an invitation tells nobody who is a member, one accepts or declines, either leaves, and one is in one family at a time."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from foundation.actors import Actor
from foundation.audit.models import AuditEvent
from foundation.jobs.models import Bank
from members import families
from members.models import Family, FamilyMembership
from tests.factories import BankFactory, MemberFactory

pytestmark = pytest.mark.django_db
AT = datetime.datetime(2026, 3, 2, 4, tzinfo=datetime.UTC)
LATER = AT + datetime.timedelta(hours=1)
TRAIL = {"at": AT, "actor": Actor.job("test")}


@pytest.fixture
def trio():
    """Wang, Li and Zhao, members of a bank where families share points."""
    BankFactory(family_pool=True)
    wang = MemberFactory(number="W1")
    return wang, MemberFactory(number="L2", branch=wang.branch), MemberFactory(number="Z3", branch=wang.branch)


def invite(head, *members):
    for member in members:
        families.invite(member_id=head.pk, number=member.number, **TRAIL)


def invitation_of(member):
    return FamilyMembership.objects.inviting(member.number).get()


def accept(member):
    families.accept(membership_id=invitation_of(member).pk, member_id=member.pk, **TRAIL)


def family_of(head):
    """Return the numbers of those in the head's family and of those invited."""
    rows = families.place_of(head.pk).family.memberships.open().order_by("id")
    return [one.number for one in rows if one.accepted_at], [one.number for one in rows if not one.accepted_at]


def test_the_first_invitation_makes_the_family_and_an_answer_joins_it(trio):
    wang, li, zhao = trio

    invite(wang, li, zhao)
    assert family_of(wang) == (["W1"], ["L2", "Z3"])
    accept(li)
    families.decline(membership_id=invitation_of(zhao).pk, member_id=zhao.pk, **TRAIL)

    assert family_of(wang) == (["W1", "L2"], [])
    assert (families.place_of(li.pk).role, families.place_of(zhao.pk)) == ("member", None)
    assert set(AuditEvent.objects.values_list("verb", "subject_id")) == {
        ("families.invite", f"{wang.pk}"),
        ("families.accept", f"{li.pk}"),
        ("families.decline", f"{zhao.pk}"),
    }


def test_an_invitation_never_tells_whether_there_is_such_a_member(trio):
    """Numbers that nobody bears, a closed member's and an open one's stand there alike, and in as many statements."""
    wang, _li, zhao = trio
    zhao.status, zhao.closed_on = "closed", AT.date()
    zhao.save()
    families.invite(member_id=wang.pk, number="first", **TRAIL)
    statements = []
    for number in ("nobody", "Z3", " l2 "):
        with CaptureQueriesContext(connection) as captured:
            assert families.invite(member_id=wang.pk, number=number, **TRAIL) is None
        statements.append(len(captured))

    assert len(set(statements)) == 1
    assert family_of(wang) == (["W1"], ["FIRST", "NOBODY", "Z3", "L2"])


@pytest.mark.parametrize("number", ["", "  ", "1" * 21, "1\0", "1\n2"])
def test_an_invitation_needs_a_number(trio, number):
    wang, *_others = trio

    with pytest.raises(families.NumberNeeded), transaction.atomic():
        families.invite(member_id=wang.pk, number=number, **TRAIL)

    assert not Family.objects.exists()


def test_the_same_number_again_changes_nothing(trio):
    wang, li, _zhao = trio
    invite(wang, li, li, wang)
    accept(li)
    invite(wang, li)

    assert family_of(wang) == (["W1", "L2"], [])
    assert Family.objects.count() == 1


def test_only_the_head_invites_and_removes(trio):
    wang, li, zhao = trio
    invite(wang, li, zhao)
    accept(li)

    with pytest.raises(families.NotHead):
        invite(li, zhao)
    with pytest.raises(families.NotHead):
        families.remove(head_member_id=li.pk, membership_id=invitation_of(zhao).pk, **TRAIL)
    with pytest.raises(families.NoSuchFamilyMember):
        families.remove(head_member_id=wang.pk, membership_id=families.place_of(wang.pk).pk, **TRAIL)

    families.remove(head_member_id=wang.pk, membership_id=families.place_of(li.pk).pk, **TRAIL)
    families.remove(head_member_id=wang.pk, membership_id=invitation_of(zhao).pk, **TRAIL)
    assert family_of(wang) == (["W1"], [])


def test_a_member_of_another_family_can_t_be_reached(trio):
    wang, li, zhao = trio
    invite(wang, li)
    invite(zhao, MemberFactory(number="X4"))

    with pytest.raises(families.NoSuchFamilyMember):
        families.remove(head_member_id=zhao.pk, membership_id=invitation_of(li).pk, **TRAIL)
    with pytest.raises(families.NoSuchInvitation):
        families.accept(membership_id=invitation_of(li).pk, member_id=zhao.pk, **TRAIL)
    with pytest.raises(families.NoSuchInvitation):
        families.decline(membership_id=invitation_of(li).pk, member_id=zhao.pk, **TRAIL)

    assert family_of(wang) == (["W1"], ["L2"])


def test_one_is_in_one_family_at_a_time(trio):
    wang, li, zhao = trio
    invite(wang, li)
    invite(zhao, li)
    first, second = FamilyMembership.objects.inviting("L2").order_by("id")
    families.accept(membership_id=first.pk, member_id=li.pk, **TRAIL)

    with pytest.raises(families.AlreadyInFamily):
        families.accept(membership_id=second.pk, member_id=li.pk, **TRAIL)
    families.leave(member_id=li.pk, **TRAIL)
    families.accept(membership_id=second.pk, member_id=li.pk, **TRAIL)

    assert family_of(zhao) == (["Z3", "L2"], [])
    with pytest.raises(families.NoSuchInvitation):
        families.accept(membership_id=first.pk, member_id=li.pk, **TRAIL)


def test_the_family_ends_with_its_head(trio):
    wang, li, zhao = trio
    invite(wang, li, zhao)
    accept(li)

    families.leave(member_id=wang.pk, at=LATER, actor=TRAIL["actor"])

    assert not FamilyMembership.objects.open().exists()
    with pytest.raises(families.NotInFamily):
        families.leave(member_id=li.pk, **TRAIL)
    invite(li, wang)
    assert family_of(li) == (["L2"], ["W1"])


def test_a_family_has_eight_at_most(trio):
    wang, *_others = trio
    for _ in range(families.MOST_MEMBERS - 1):
        invite(wang, MemberFactory(branch=wang.branch))

    with pytest.raises(families.FamilyFull, match="8 members at most"):
        invite(wang, MemberFactory(branch=wang.branch))

    assert FamilyMembership.objects.open().count() == 8


def test_where_families_share_nothing_nobody_invites_or_accepts(trio):
    wang, li, _zhao = trio
    invite(wang, li)
    Bank.objects.update(family_pool=False)

    with pytest.raises(families.FamilyPoolOff):
        invite(wang, MemberFactory())
    with pytest.raises(families.FamilyPoolOff):
        accept(li)
    families.decline(membership_id=invitation_of(li).pk, member_id=li.pk, **TRAIL)
    families.leave(member_id=wang.pk, **TRAIL)
    assert not FamilyMembership.objects.open().exists()


def test_families_are_off_unless_the_bank_says_otherwise():
    BankFactory()

    assert not families.is_on()


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"role": "head", "accepted_at": AT}, "family_has_one_head"),
        ({"role": "head", "accepted_at": None, "member": None}, "head_of_family_needs_no_invitation"),
        ({"member": None, "accepted_at": AT}, "family_knows_who_accepted"),
        ({"accepted_at": None}, "family_knows_who_accepted"),
        ({"role": "aunt"}, "family_role_known"),
        ({"left_at": AT - datetime.timedelta(days=1)}, "family_membership_in_order"),
    ],
)
def test_the_database_keeps_families_in_order(trio, change, constraint):
    wang, li, zhao = trio
    invite(wang, li, zhao)
    if "member" not in change:
        accept(li)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        FamilyMembership.objects.filter(number="L2").update(**change)
