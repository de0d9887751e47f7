"""Who looks after whom: members are assigned to a relationship manager from a date on, one by one or many, and handed over."""

import datetime
from collections.abc import Sequence

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from foundation.access.models import Role, StaffPosting, User
from foundation.actors import Actor
from foundation.approvals.requesting import ReasonMissing, worded
from foundation.audit.recording import Change, record_each
from foundation.periods import day_of
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.models import Assignment, Member, MemberQuerySet

ASSIGN = "members.assign_manager"
# One request changes no more members than it can lock and record in a moment.
MOST_MEMBERS = 5_000


class NotAManager(Refusal):
    code = "not_a_relationship_manager"
    sentence = _("On that date %(who)s is not a relationship manager of every branch concerned.")


class StartsInThePast(Refusal):
    code = "starts_in_the_past"
    sentence = _("Who looked after whom is not rewritten: choose today or a later day.")


class LaterAssignment(Refusal):
    code = "later_assignment"
    sentence = _("A member has been assigned from a later date already; choose that date or a later one.")


class TooManyMembers(Refusal):
    code = "too_many_members"
    sentence = _("These are more than %(most)s members; assign them branch by branch.")


class NobodyToAssign(Refusal):
    code = "nobody_to_assign"
    sentence = _("There is no member to assign.")


@in_transaction
def assign(
    *,
    members: MemberQuerySet,
    manager: User,
    starts_on: datetime.date,
    reason: str,
    actor: Actor,
    at: datetime.datetime,
) -> int:
    """Let `manager` look after the members from `starts_on` on; whoever did so until then does so until that day.

    Returns how many changed hands; who is his already stays so. One audit event a member. Refuses reason_missing,
    starts_in_the_past, nobody_to_assign, too_many_members, later_assignment, and not_a_relationship_manager where no posting
    of his reaches a member's branch on that day.
    """
    reason = worded(reason)
    if not reason:
        raise ReasonMissing(field="reason")
    if starts_on < day_of(at):
        raise StartsInThePast(field="starts_on")
    locked = list(members.select_for_update(of=("self",)).select_related("branch").order_by("pk")[: MOST_MEMBERS + 1])
    if not locked:
        raise NobodyToAssign
    if len(locked) > MOST_MEMBERS:
        raise TooManyMembers(most=MOST_MEMBERS)
    _refuse_unless_reached(manager, {member.branch.path for member in locked}, on=starts_on)
    held = Assignment.objects.filter(member__in=[member.pk for member in locked])
    if held.filter(starts_on__gt=starts_on).exists():
        raise LaterAssignment(field="starts_on")
    # The one that would hold on the day; ended ones don't matter.
    before = {
        one.member_id: one for one in held.filter(Q(ends_on=None) | Q(ends_on__gt=starts_on)).select_related("manager")
    }
    changing = [member for member in locked if _manager_of(before.get(member.pk)) != manager.pk]
    _change(changing, before, manager=manager, starts_on=starts_on)
    record_each(
        verb="members.assign",
        actor=actor,
        subject_kind="member",
        at=at,
        reason=reason,
        changes=[
            Change(
                subject_id=member.pk,
                old={"manager": before[member.pk].manager.username} if member.pk in before else None,
                new={"manager": manager.username, "starts_on": f"{starts_on}"},
            )
            for member in changing
        ],
    )
    return len(changing)


@in_transaction
def hand_over(
    *,
    members: MemberQuerySet,
    manager: User,
    to: User,
    starts_on: datetime.date,
    reason: str,
    actor: Actor,
    at: datetime.datetime,
) -> int:
    """Hand all of `members` that `manager` looks after on `starts_on` to another from that day on. Refuses as `assign` does."""
    his = Assignment.objects.on(starts_on).filter(manager=manager)
    return assign(
        members=members.filter(pk__in=his.values("member")),
        manager=to,
        starts_on=starts_on,
        reason=reason,
        actor=actor,
        at=at,
    )


def managers_under(paths: Sequence[str], *, on: datetime.date) -> list[User]:
    """Return the relationship managers of a day whose posting reaches into, or lies in, one of the subtrees, by name."""
    postings = StaffPosting.objects.on(on).filter(role=Role.RELATIONSHIP_MANAGER).select_related("user", "branch")
    found = {
        one.user.pk: one.user
        for one in postings
        if any(one.branch.path.startswith(path) or path.startswith(one.branch.path) for path in paths)
    }
    return sorted(found.values(), key=lambda user: (user.get_full_name(), user.pk))


def _manager_of(one: Assignment | None) -> int | None:
    return one.manager_id if one else None


def _refuse_unless_reached(manager: User, paths: set[str], *, on: datetime.date) -> None:
    postings = StaffPosting.objects.on(on).filter(user=manager, role=Role.RELATIONSHIP_MANAGER)
    reached = list(postings.values_list("branch__path", flat=True))
    if not manager.is_active or not all(any(path.startswith(one) for one in reached) for path in paths):
        raise NotAManager(field="manager", who=manager.get_full_name())


def _change(members: list[Member], before: dict[int, Assignment], *, manager: User, starts_on: datetime.date) -> None:
    """End what held until now and begin the new assignments: two statements, however many members."""
    ending = [before[member.pk].pk for member in members if member.pk in before]
    Assignment.objects.filter(pk__in=ending).update(ends_on=starts_on)
    Assignment.objects.bulk_create(
        [Assignment(member=member, manager=manager, starts_on=starts_on) for member in members]
    )
