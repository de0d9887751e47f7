"""Helping who has lost what he signs in with: his second factors are taken away, or his sign-in closed, under four eyes."""

import datetime
import uuid
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from foundation.access import ending, second_factors
from foundation.access.models import Branch, User
from foundation.actors import Actor
from foundation.approvals import requesting
from foundation.approvals.kinds import Aim, Change, Description, Kind, Payload
from foundation.approvals.models import Request, employee_number_of
from foundation.jobs import clock
from foundation.transactions import in_transaction

MAY_REQUEST = "access.request_sign_in"
MAY_DECIDE = "access.decide_sign_in"
RESET, CLOSE = "reset", "close"


@in_transaction
def ask(*, user: User, do: str, branch: Branch, reason: str, actor: Actor, at: datetime.datetime) -> Request:
    """Ask to take away a user's second factors (`do`: reset), or to close his sign-in (close). Refuses what requesting.request refuses."""
    payload = {"do": CLOSE if do == CLOSE else RESET, "user": user.pk}
    return requesting.request(
        id=uuid.uuid4(), kind=KIND.code, payload=payload, branch=branch, reason=reason, actor=actor, at=at
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
    """Reset or close, as it was asked for; what came of it stands in the event of the approval."""
    user = User.objects.select_for_update().get(pk=payload["user"])
    at = Request.objects.values_list(clock.reading(), flat=True).get(pk=request_id)
    return ending.close(user=user, at=at) if payload["do"] == CLOSE else second_factors.reset(user=user, at=at)


def targets(payload: Payload) -> list[Aim]:
    """Return the sign-in concerned: once it was closed, or its factors are gone, what was asked for is stale."""
    user = User.objects.get(pk=payload["user"])
    return [Aim(subject=f"user/{user.pk}", version=f"{user.is_active}:{second_factors.has_one(user)}")]


def describe(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return the change in words."""
    who = User.objects.get(pk=payload["user"])
    what = _("Close the sign-in") if payload["do"] == CLOSE else _("Take away the second factors")
    change = Change(target=who.username, url="", what=what, before="", after="")
    return Description(sentence=f"{what}: {who.username}", impact="", changes=[change], fixed=True)


def gains(payload: Payload, user: User) -> bool:
    """Tell whether the sign-in is the user's own, by any account of his."""
    if payload["user"] == user.pk:
        return True
    number = employee_number_of(user)
    return bool(number) and employee_number_of(User.objects.get(pk=payload["user"])) == number


KIND = Kind(
    code="access.sign_in",
    label=gettext_lazy("Reset or close a sign-in"),
    verb=do,
    describe=describe,
    targets=targets,
    worth=lambda payload: None,
    credits=gains,
    permission_to_request=MAY_REQUEST,
    permission_to_decide=MAY_DECIDE,
)
