"""What two records of a person have besides points: who may be merged, what moves with the one that goes, and what goes back.

The verbs that call these stand above all apps, in membership_site.merging; the rules in docs/merging.md.
"""

import datetime
from typing import Any

from django.db.models import F, Value
from django.db.models.functions import Greatest, Now
from django.utils.translation import gettext_lazy as _

from foundation.access.models import User
from foundation.actors import Actor
from foundation.messaging.sending import owe_message
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members import consents, moving
from members.consent_texts import Channel
from members.consents import Choice
from members.models import (
    Account,
    Assignment,
    Consent,
    FamilyMembership,
    HouseholdMembership,
    Member,
    Merge,
)
from members.states import MERGE, PART, Reason

MERGED = "members.merged"
OPEN = (Member.Status.ACTIVE, Member.Status.DORMANT)
Role = FamilyMembership.Role


class SameRecord(Refusal):
    code = "same_record"
    status = 422
    sentence = _("These are one and the same record.")


class RecordNotOpen(Refusal):
    code = "record_not_open"
    sentence = _("Only open memberships can be merged; %(number)s is closed or suspended.")


class InvitedWouldStay(Refusal):
    code = "invited_would_stay"
    sentence = _("%(number)s has not accepted the membership yet; let the other record stay.")


class OwnRecord(Refusal):
    code = "own_record"
    status = 403
    sentence = _("Nobody merges his own records, or those of somebody he lives with.")


class HeadsAFamily(Refusal):
    code = "heads_a_family"
    sentence = _("Both records are in a family, and %(number)s heads his. End that family first.")


class MergedMeanwhile(Refusal):
    code = "merged_meanwhile"
    sentence = _("The record that stayed is closed or was merged itself; undo that first.")


class MergeUndone(Refusal):
    code = "merge_undone"
    sentence = _("This merge has been undone already.")


class UndoTooLate(Refusal):
    code = "undo_too_late"
    sentence = _("A merge can be undone until %(days)s days after it; this one is older.")


def refuse_unfit(*, kept: Member, gone: Member) -> None:
    """Refuse two records that can't become one: same_record, record_not_open, invited_would_stay, heads_a_family."""
    if kept.pk == gone.pk:
        raise SameRecord(field="number")
    for one in (kept, gone):
        if one.status not in OPEN:
            raise RecordNotOpen(number=one.number)
    if kept.accepted_at is None and gone.accepted_at is not None:
        raise InvitedWouldStay(number=kept.number)
    places = {one.member_id: one for one in FamilyMembership.objects.accepted().filter(member__in=[kept.pk, gone.pk])}
    if len(places) > 1 and places[gone.pk].role == Role.HEAD:
        raise HeadsAFamily(number=gone.number)


def refuse_late(merge: Merge, *, kept: Member, days: int, as_of: datetime.date) -> None:
    """Refuse a merge that can't be undone any more: merge_undone, undo_too_late, merged_meanwhile."""
    if merge.undone_at is not None:
        raise MergeUndone
    if as_of > merge.booked_on + datetime.timedelta(days=days):
        raise UndoTooLate(days=days)
    if kept.status not in OPEN:
        raise MergedMeanwhile


def locked(*member_ids: int) -> dict[int, Member]:
    """Return the members by id, locked in the order of their ids until the transaction ends."""
    rows = Member.objects.select_for_update(of=("self",)).select_related("branch", "user")
    return {one.pk: one for one in rows.filter(pk__in=member_ids).order_by("pk")}


def family_of(member_id: int) -> list[int]:
    """Return the member and the records that stand merged into him, or into one of those; a query for each step of a chain."""
    found, fresh = [member_id], [member_id]
    while fresh:
        fresh = list(Merge.objects.standing().filter(kept__in=fresh).order_by("gone").values_list("gone", flat=True))
        found += fresh
    return found


@in_transaction
def hand_on(*, kept: Member, gone: Member, today: datetime.date, at: datetime.datetime, actor: Actor) -> dict[str, Any]:
    """Give the record that stays the other's accounts, family, household, relationship manager and, if it has none, sign-in.

    A no that was said on the other counts for both. Returns what moved, by ids, for `give_back`. Some twenty statements.
    """
    accounts = Account.objects.select_for_update().filter(member=gone).order_by("pk")
    moved: dict[str, Any] = {"accounts": list(accounts.values_list("pk", flat=True))}
    Account.objects.filter(pk__in=moved["accounts"]).update(member=kept)
    moved |= _family(kept, gone) | _household(kept, gone, today) | _manager(kept, gone, today) | _sign_in(kept, gone)
    _restrict(kept, gone, today=today, at=at, actor=actor)
    return moved


def _family(kept: Member, gone: Member) -> dict[str, Any]:
    """Let the place in a family move, with what it may spend; where both have one, the other's ends."""
    place = FamilyMembership.objects.accepted().select_for_update().filter(member=gone).first()
    if place is None:
        return {}
    if FamilyMembership.objects.accepted().filter(member=kept).exists():
        FamilyMembership.objects.filter(pk=place.pk).update(left_at=Now())
        return {"family_left": place.pk}
    # An invitation of his own number to the same family is answered by this.
    twins = FamilyMembership.objects.open().filter(family=place.family_id, number=kept.number.upper())
    twins.filter(accepted_at=None).update(left_at=Now())
    FamilyMembership.objects.filter(pk=place.pk).update(member=kept, number=kept.number.upper())
    return {"family_moved": place.pk}


def _household(kept: Member, gone: Member, today: datetime.date) -> dict[str, Any]:
    place = HouseholdMembership.objects.open().select_for_update().filter(member=gone).first()
    if place is None:
        return {}
    ended = max(today, place.starts_on)
    HouseholdMembership.objects.filter(pk=place.pk).update(ends_on=ended)
    if HouseholdMembership.objects.open().filter(member=kept).exists():
        return {"household_left": place.pk}
    new = HouseholdMembership.objects.create(household=place.household, member=kept, starts_on=ended)
    return {"household_left": place.pk, "household_moved": new.pk}


def _manager(kept: Member, gone: Member, today: datetime.date) -> dict[str, Any]:
    """Let who looks after the record that goes look after the other, if nobody does."""
    held = Assignment.objects.select_for_update().filter(member=gone, ends_on=None).first()
    if held is None:
        return {}
    ended = max(today, held.starts_on)
    Assignment.objects.filter(pk=held.pk).update(ends_on=ended)
    if Assignment.objects.filter(member=kept, ends_on=None).exists():
        return {"manager_left": held.pk}
    new = Assignment.objects.create(member=kept, manager_id=held.manager_id, starts_on=ended)
    return {"manager_left": held.pk, "manager_moved": new.pk}


def _sign_in(kept: Member, gone: Member) -> dict[str, Any]:
    """Keep one sign-in: that of the record that stays or, where it has none, the other's. Staff keep theirs to the console."""
    if gone.user is None:
        return {}
    Member.objects.filter(pk=gone.pk).update(user=None)
    if kept.user_id is None:
        Member.objects.filter(pk=kept.pk).update(user=gone.user)
        return {"user": gone.user.pk, "user_moved": True}
    # At once: no session and no token of an inactive user opens anything.
    ended = User.objects.filter(pk=gone.user.pk, is_staff=False, is_active=True).update(is_active=False)
    return {"user": gone.user.pk, "user_off": bool(ended)}


def _restrict(kept: Member, gone: Member, *, today: datetime.date, at: datetime.datetime, actor: Actor) -> None:
    """Write for the record that stays each no that was the last word on the other, where it had said yes."""
    said = {one.text.purpose: one for one in Consent.objects.filter(member=gone).latest_each().select_related("text")}
    noes = [
        Choice(purpose=stand.text.purpose, version=stand.text.version, given=False)
        for stand in consents.stands(member_id=kept.pk, on=today)
        if stand.last and stand.last.given and not stand.text.is_required
        if (other := said.get(stand.text.purpose)) and not other.given
    ]
    if noes:
        consents.choose(noes, member_id=kept.pk, channel=Channel.BRANCH, today=today, at=at, actor=actor)


@in_transaction
def give_back(merge: Merge, *, today: datetime.date) -> dict[str, Any]:
    """Give the record that comes back what `hand_on` moved and the other still has; return what went back, by ids.

    Consents stay as they are: a no said once is not taken back by staff.
    """
    moved, kept, gone = merge.moved, merge.kept, merge.gone
    accounts = Account.objects.filter(pk__in=moved.get("accounts", []), member=kept).order_by("pk")
    back: dict[str, Any] = {"accounts": list(accounts.select_for_update().values_list("pk", flat=True))}
    Account.objects.filter(pk__in=back["accounts"]).update(member=gone)
    if place := moved.get("family_moved"):
        own = FamilyMembership.objects.accepted().filter(pk=place, member=kept)
        back["family"] = own.update(member=gone, number=gone.number.upper())
    if place := moved.get("household_moved"):
        HouseholdMembership.objects.open().filter(pk=place).update(ends_on=_no_earlier(today))
    if left := HouseholdMembership.objects.filter(pk=moved.get("household_left")).first():
        HouseholdMembership.objects.create(household=left.household, member=gone, starts_on=max(today, left.starts_on))
    if place := moved.get("manager_moved"):
        Assignment.objects.filter(pk=place, ends_on=None).update(ends_on=_no_earlier(today))
    if held := Assignment.objects.filter(pk=moved.get("manager_left")).first():
        Assignment.objects.create(member=gone, manager_id=held.manager_id, starts_on=max(today, held.starts_on))
    if user := moved.get("user"):
        if moved.get("user_moved"):
            Member.objects.filter(pk=kept.pk, user=user).update(user=None)
        if moved.get("user_off"):
            User.objects.filter(pk=user).update(is_active=True)
        Member.objects.filter(pk=gone.pk).update(user=user)
    return back


def _no_earlier(today: datetime.date) -> Greatest:
    """Return the day on which what began meanwhile ends: today, or the day it began."""
    return Greatest(Value(today), F("starts_on"))


@in_transaction
def close_into(kept: Member, gone: Member, *, today: datetime.date, actor: Actor) -> None:
    """Close the record that goes with a pointer to the one that stays, and let those that led to it lead on.

    Its purses close with it, by the database's trigger; the person is told by the address that is known of the record that stays.
    """
    moving.apply([gone.pk], transition=MERGE, reason=Reason.MERGED, on=max(today, gone.joined_on), actor=actor)
    Member.objects.filter(pk=gone.pk).update(merged_into=kept)
    Member.objects.filter(merged_into=gone).update(merged_into=kept)
    owe_message(kind=MERGED, key=f"merged/{gone.pk}/{kept.pk}/{today}", member_id=kept.pk, about=str(gone.pk))


@in_transaction
def reopen(gone: Member, *, today: datetime.date, actor: Actor) -> list[int]:
    """Open the record that had gone again, with its purses, and lead to it what led to it before; return it and those."""
    family = family_of(gone.pk)
    Member.objects.filter(pk=gone.pk).update(merged_into=None)
    moving.apply([gone.pk], transition=PART, reason=Reason.PARTED, on=today, actor=actor)
    Member.objects.filter(pk__in=family[1:]).update(merged_into=gone)
    return family
