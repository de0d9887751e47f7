"""Households: staff write down who lives together, from when on, and when somebody moved out (docs/merging.md)."""

import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.approvals.requesting import ReasonMissing, worded
from foundation.audit.recording import record
from foundation.periods import day_of
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.models import Household, HouseholdMembership, Member, MemberQuerySet, Person

EDIT = "members.edit_household"
# A home, not a hostel: more than these at one number is something else.
MOST_MEMBERS = 12
SUGGESTED = 10


class LivesAlone(Refusal):
    code = "lives_with_himself"
    status = 422
    sentence = _("A household needs two different members.")


class HouseholdOfClosed(Refusal):
    code = "household_of_closed"
    sentence = _("A closed membership can't be in a household.")


class AlreadyInHousehold(Refusal):
    code = "already_in_household"
    sentence = _("This member is in another household. Let him move out there first.")


class NotInHousehold(Refusal):
    code = "not_in_household"
    sentence = _("This member is in no household.")


class HouseholdFull(Refusal):
    code = "household_full"
    sentence = _("A household has %(most)s members at most.")


def place_of(member_id: int) -> HouseholdMembership | None:
    """Return the member's place in the household he is in now, if he is in one."""
    return HouseholdMembership.objects.open().filter(member=member_id).first()


def history_of(member_id: int) -> list[HouseholdMembership]:
    """Return everybody's time in the households that the member is or was in, the present ones first; one query."""
    homes = HouseholdMembership.objects.filter(member=member_id).values("household")
    rows = HouseholdMembership.objects.filter(household__in=homes).select_related("member__person")
    return sorted(rows, key=lambda one: (one.ends_on is not None, -one.starts_on.toordinal(), one.pk))


def suggested(member: Member, *, visible: MemberQuerySet) -> list[Member]:
    """Return members within `visible` who have the same phone number and don't live with him yet, ten at most; two queries.

    Who moved in with him before and out again is not suggested: somebody has said so.
    """
    phone = Person.objects.filter(member=member, phone_hash__isnull=False).values("phone_hash")
    known = HouseholdMembership.objects.filter(
        household__in=HouseholdMembership.objects.filter(member=member).values("household")
    )
    found = visible.filter(person__phone_hash__in=phone).exclude(pk=member.pk).exclude(status=Member.Status.CLOSED)
    return list(found.exclude(pk__in=known.values("member")).select_related("person").order_by("number")[:SUGGESTED])


@in_transaction
def move_in(*, member: Member, with_member: Member, reason: str, at: datetime.datetime, actor: Actor) -> Household:
    """Let a member live with another from today on: in the other's household, which is made where he has none.

    Already living there changes nothing. Refuses reason_missing, lives_with_himself, household_of_closed,
    already_in_household, household_full.
    """
    reason = _said(reason)
    if member.pk == with_member.pk:
        raise LivesAlone(field="number")
    # Locked in order, so that two who move in with each other at once make one household.
    both = Member.objects.select_for_update(of=("self",)).filter(pk__in=[member.pk, with_member.pk]).order_by("pk")
    if any(one.status == Member.Status.CLOSED for one in both):
        raise HouseholdOfClosed(field="number")
    own, place = place_of(member.pk), place_of(with_member.pk)
    if own and place and own.household_id == place.household_id:
        return own.household
    if own:
        raise AlreadyInHousehold
    today = day_of(at)
    home = place.household if place else Household.objects.create(created_on=today)
    if home.memberships.open().count() >= MOST_MEMBERS:
        raise HouseholdFull(most=MOST_MEMBERS)
    coming = [member] if place else [with_member, member]
    _begin(home, coming, on=today)
    for one in coming:
        record(
            verb="households.move_in",
            actor=actor,
            subject_kind="member",
            subject_id=one.pk,
            at=at,
            new={"household": home.pk, "starts_on": f"{today}"},
            reason=reason,
        )
    return home


def _begin(home: Household, members: list[Member], *, on: datetime.date) -> None:
    try:
        with transaction.atomic():
            HouseholdMembership.objects.bulk_create(
                [HouseholdMembership(household=home, member=one, starts_on=on) for one in members]
            )
    except IntegrityError as error:
        if "member_in_one_household_at_a_time" not in str(error):
            raise
        raise AlreadyInHousehold from error


@in_transaction
def move_out(*, member: Member, reason: str, at: datetime.datetime, actor: Actor) -> None:
    """End a member's time in his household today; who is left alone in it is left so. Refuses reason_missing, not_in_household."""
    reason = _said(reason)
    today = day_of(at)
    place = HouseholdMembership.objects.open().select_for_update().filter(member=member.pk).first()
    if place is None:
        raise NotInHousehold
    HouseholdMembership.objects.filter(pk=place.pk).update(ends_on=max(today, place.starts_on))
    record(
        verb="households.move_out",
        actor=actor,
        subject_kind="member",
        subject_id=member.pk,
        at=at,
        old={"household": place.household_id},
        new={"ends_on": f"{today}"},
        reason=reason,
    )


def _said(reason: str) -> str:
    reason = worded(reason)
    if not reason:
        raise ReasonMissing(field="reason")
    return reason
