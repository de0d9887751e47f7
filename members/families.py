"""Families: the head invites by member number, who is invited accepts or declines, either leaves, the head removes."""

import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.audit.recording import record
from foundation.jobs.models import Bank
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.models import Family, FamilyMembership, FamilyMembershipQuerySet, Member

# The head and seven others; invitations count.
MOST_MEMBERS = 8
LONGEST_NUMBER = 20
Role = FamilyMembership.Role


class FamilyPoolOff(Refusal):
    code = "family_pool_off"
    status = 404
    sentence = _("Families don't share points at this bank.")


class NotHead(Refusal):
    code = "not_head_of_family"
    sentence = _("Only the head of the family can do this.")


class NumberNeeded(Refusal):
    code = "member_number_needed"
    status = 422
    sentence = _("Write the member number of whom you invite.")


class FamilyFull(Refusal):
    code = "family_full"
    sentence = _("A family has %(most)s members at most, invitations included.")


class AlreadyInFamily(Refusal):
    code = "already_in_family"
    sentence = _("You are in a family already. Leave it first, then accept.")


class NoSuchInvitation(Refusal):
    code = "no_such_invitation"
    status = 404
    sentence = _("This invitation is not open any more.")


class NotInFamily(Refusal):
    code = "not_in_family"
    sentence = _("You are in no family.")


class NoSuchFamilyMember(Refusal):
    code = "no_such_family_member"
    status = 404
    sentence = _("There is no such member in your family.")


def is_on() -> bool:
    """Tell whether families share points at this bank; off by default."""
    return Bank.objects.filter(family_pool=True).exists()


def refuse_where_off() -> None:
    """Refuse (family_pool_off) where the bank has no families."""
    if not is_on():
        raise FamilyPoolOff


def place_of(member_id: int) -> FamilyMembership | None:
    """Return the member's place in the family he is in now, if he is in one."""
    return FamilyMembership.objects.accepted().filter(member_id=member_id).first()


@in_transaction
def invite(*, member_id: int, number: str, at: datetime.datetime, actor: Actor) -> None:
    """Invite the member of that number into the family of the head `member_id`, which is made with the first invitation.

    It is never looked up: an invitation to a number that nobody bears stays unanswered. The same number again changes
    nothing. Refuses family_pool_off, member_number_needed, not_head_of_family, family_full.
    """
    refuse_where_off()
    number = number.strip().upper()
    if not 1 <= len(number) <= LONGEST_NUMBER or not number.isprintable():
        raise NumberNeeded(field="number")
    # Locked, so that two invitations at once make one family and count each other.
    head = Member.objects.select_for_update().get(pk=member_id)
    place = place_of(member_id)
    if place and place.role != Role.HEAD:
        raise NotHead
    family = place.family if place else Family.objects.create(created_at=at)
    if place is None:
        FamilyMembership.objects.create(
            family=family, number=head.number.upper(), member=head, role=Role.HEAD, invited_at=at, accepted_at=at
        )
    numbers = set(family.memberships.open().values_list("number", flat=True))
    if number in numbers:
        return
    if len(numbers) >= MOST_MEMBERS:
        raise FamilyFull(most=MOST_MEMBERS)
    invitation = FamilyMembership.objects.create(family=family, number=number, invited_at=at)
    _record("families.invite", member_id, actor, at, new={"family": family.pk, "membership": invitation.pk})


@in_transaction
def accept(*, membership_id: int, member_id: int, at: datetime.datetime, actor: Actor) -> None:
    """Accept an open invitation of one's own. Refuses family_pool_off, no_such_invitation, already_in_family."""
    refuse_where_off()
    invitation = _invitation(membership_id, member_id)
    try:
        with transaction.atomic():
            accepted = invitation.update(member_id=member_id, accepted_at=at)
    except IntegrityError as error:
        if "member_in_one_family_at_a_time" not in str(error):
            raise
        raise AlreadyInFamily from error
    if not accepted:
        raise NoSuchInvitation
    _record("families.accept", member_id, actor, at, new={"membership": membership_id})


@in_transaction
def decline(*, membership_id: int, member_id: int, at: datetime.datetime, actor: Actor) -> None:
    """Decline an open invitation of one's own. Refuses no_such_invitation."""
    if not _invitation(membership_id, member_id).update(left_at=at):
        raise NoSuchInvitation
    _record("families.decline", member_id, actor, at, new={"membership": membership_id})


@in_transaction
def leave(*, member_id: int, at: datetime.datetime, actor: Actor) -> None:
    """Leave the family one is in; with its head it ends for everybody, invitations too. Refuses not_in_family."""
    place = FamilyMembership.objects.accepted().select_for_update().filter(member_id=member_id).first()
    if place is None:
        raise NotInFamily
    ending = FamilyMembership.objects.open().filter(family_id=place.family_id)
    if place.role != Role.HEAD:
        ending = ending.filter(pk=place.pk)
    ended = sorted(ending.values_list("pk", flat=True))
    ending.update(left_at=at)
    _record("families.leave", member_id, actor, at, new={"family": place.family_id, "memberships": ended})


@in_transaction
def remove(*, head_member_id: int, membership_id: int, at: datetime.datetime, actor: Actor) -> None:
    """Take somebody out of one's family, or an invitation back. Refuses not_head_of_family, no_such_family_member."""
    removed = in_family_of(head_member_id, membership_id)
    if not FamilyMembership.objects.open().filter(pk=removed.pk).update(left_at=at):
        raise NoSuchFamilyMember
    _record("families.remove", head_member_id, actor, at, new={"membership": removed.pk, "member": removed.member_id})


def in_family_of(head_member_id: int, membership_id: int) -> FamilyMembership:
    """Return an open place in the head's family, not his own. Refuses not_head_of_family, no_such_family_member."""
    place = place_of(head_member_id)
    if place is None or place.role != Role.HEAD:
        raise NotHead
    others = FamilyMembership.objects.open().filter(family_id=place.family_id, role=Role.MEMBER)
    found = others.select_related("member").filter(pk=membership_id).first()
    if found is None:
        raise NoSuchFamilyMember
    return found


def _invitation(membership_id: int, member_id: int) -> FamilyMembershipQuerySet:
    """Return the open invitation of that id, if it is to this member's number."""
    return FamilyMembership.objects.inviting(Member.objects.get(pk=member_id).number).filter(pk=membership_id)


def _record(verb: str, member_id: int, actor: Actor, at: datetime.datetime, *, new: dict[str, Any]) -> None:
    record(verb=verb, actor=actor, subject_kind="member", subject_id=member_id, at=at, new=new)
