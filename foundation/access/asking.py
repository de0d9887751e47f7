"""Changing a posting under four eyes: asked for by one, done when another approves (docs/access.md)."""

import datetime
import uuid
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from foundation.access import posting
from foundation.access.models import Branch, Role, StaffPosting, User
from foundation.actors import Actor
from foundation.approvals import requesting
from foundation.approvals.kinds import Aim, Change, Description, Kind, Payload
from foundation.approvals.models import Request, employee_number_of
from foundation.refusals import Refusal
from foundation.transactions import in_transaction

MAY_REQUEST = "access.request_posting"
MAY_DECIDE = "access.decide_posting"


class UnknownUser(Refusal):
    code = "unknown_user"
    status = 422
    sentence = gettext_lazy("Nobody on the staff has this user name.")


@in_transaction
def ask_to_post(
    *,
    username: str,
    branch: Branch,
    role: str,
    starts_on: datetime.date,
    ends_on: datetime.date | None,
    reason: str,
    actor: Actor,
    at: datetime.datetime,
) -> Request:
    """Ask to give a member of staff a role in a branch. Refuses unknown_user, and what posting.check and requesting.request refuse."""
    user = User.objects.filter(username=username, is_staff=True, is_active=True).first()
    if user is None:
        raise UnknownUser(field="username")
    posting.check(user=user, branch=branch, role=role, starts_on=starts_on, ends_on=ends_on)
    payload = {
        "do": "post",
        "user": user.pk,
        "branch": branch.pk,
        "role": role,
        "starts_on": f"{starts_on}",
        "ends_on": f"{ends_on}" if ends_on else None,
    }
    return requesting.request(
        id=uuid.uuid4(), kind=KIND.code, payload=payload, branch=branch, reason=reason, actor=actor, at=at
    )


@in_transaction
def ask_to_end(
    *, held: StaffPosting, ends_on: datetime.date, reason: str, actor: Actor, at: datetime.datetime
) -> Request:
    """Ask to end a posting. Refuses ends_before_start, and what requesting.request refuses."""
    if ends_on <= held.starts_on:
        raise posting.EndsBeforeStart(field="ends_on")
    payload = {"do": "end", "posting": held.pk, "user": held.user_id, "ends_on": f"{ends_on}"}
    return requesting.request(
        id=uuid.uuid4(), kind=KIND.code, payload=payload, branch=held.branch, reason=reason, actor=actor, at=at
    )


@in_transaction
def do(
    *,
    payload: Payload,
    request_id: UUID,
    reason: str,
    versions: dict[str, str],
    actor: Actor,
    as_of: datetime.date,
) -> dict[str, Any]:
    """Post, or end a posting, as it was asked for; what came of it stands in the event of the approval.

    Refuses already_posted, ends_before_start.
    """
    if payload["do"] == "end":
        held = StaffPosting.objects.select_for_update(of=("self",)).get(pk=payload["posting"])
        return posting.end_on(held, ends_on=datetime.date.fromisoformat(payload["ends_on"]))
    return posting.give(
        user=User.objects.get(pk=payload["user"]),
        branch=Branch.objects.get(pk=payload["branch"]),
        role=payload["role"],
        starts_on=datetime.date.fromisoformat(payload["starts_on"]),
        ends_on=datetime.date.fromisoformat(payload["ends_on"]) if payload["ends_on"] else None,
    )


def targets(payload: Payload) -> list[Aim]:
    """Return the person concerned, in the version of all his postings: a change of one makes what was asked for stale."""
    held = StaffPosting.objects.filter(user=payload["user"]).order_by("id").values_list("id", "ends_on")
    return [Aim(subject=f"user/{payload['user']}", version=" ".join(f"{pk}:{ends_on or ''}" for pk, ends_on in held))]


def describe(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return the change in words."""
    who = User.objects.get(pk=payload["user"])
    if payload["do"] == "end":
        held = StaffPosting.objects.select_related("branch").get(pk=payload["posting"])
        what, before, after = _("End a posting"), f"{held.ends_on or '…'}", payload["ends_on"]
        where = f"{held.get_role_display()}, {held.branch}"
    else:
        branch = Branch.objects.get(pk=payload["branch"])
        where = f"{Role(payload['role']).label}, {branch}"
        what, before = _("Give a posting"), _("none")
        after = f"{payload['starts_on']} – {payload['ends_on'] or '…'}"
    change = Change(target=who.get_full_name(), url="", what=where, before=before, after=after)
    return Description(sentence=f"{what}: {who.get_full_name()}, {where}", impact="", changes=[change])


def gains(payload: Payload, user: User) -> bool:
    """Tell whether the posting is the user's own, by any account of his."""
    if payload["user"] == user.pk:
        return True
    number = employee_number_of(user)
    return bool(number) and employee_number_of(User.objects.get(pk=payload["user"])) == number


KIND = Kind(
    code="access.posting",
    label=gettext_lazy("Change a posting"),
    verb=do,
    describe=describe,
    targets=targets,
    worth=lambda payload: None,
    credits=gains,
    permission_to_request=MAY_REQUEST,
    permission_to_decide=MAY_DECIDE,
)
