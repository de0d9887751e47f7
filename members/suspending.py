"""Suspending a membership and reinstating it: suspended, it earns and spends nothing; two people lift it (docs/states.md)."""

import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from foundation.access import visibility
from foundation.access.models import User
from foundation.actors import Actor
from foundation.approvals import requesting
from foundation.approvals.kinds import Aim, Change, Description, Kind, Payload
from foundation.approvals.models import Request, employee_number_of
from foundation.transactions import in_transaction
from members import moving
from members.models import Member, StatusChange
from members.states import REINSTATE, SUSPEND, Reason, State

KIND_CODE = "members.reinstate"
MAY_SUSPEND, MAY_DECIDE = "members.suspend_member", "members.decide_reinstatement"


@in_transaction
def suspend(*, member: Member, reason: str, note: str, at: datetime.datetime, actor: Actor) -> None:
    """Suspend a membership at once, until it is reinstated. Refuses illegal_move, reason_unfit.

    Who waits for one of its purses meanwhile is refused as `suspended`. What he does until it is lifted is kept and earns then.
    """
    moving.move_one(member.pk, transition=SUSPEND, reason=reason, note=note, at=at, actor=actor)


@in_transaction
def ask_to_reinstate(
    *, id: UUID, member: Member, reason: str, note: str, actor: Actor, at: datetime.datetime
) -> Request:
    """Ask to reinstate a suspended member; another person decides. Refuses illegal_move, reason_unfit, and as requesting.request."""
    if reason not in REINSTATE.reasons:
        raise moving.ReasonUnfit(field="reason")
    if member.status != State.SUSPENDED:
        raise moving.IllegalMove
    payload = {"member": member.pk, "number": member.number, "reason": str(reason)}
    said = ": ".join(filter(None, (str(Reason(reason).label), note)))
    return requesting.request(
        id=id, kind=KIND_CODE, payload=payload, branch=member.branch, reason=said, actor=actor, at=at
    )


@in_transaction
def reinstate_approved(
    *,
    payload: Payload,
    request_id: UUID,
    reason: str,
    versions: dict[str, str],
    actor: Actor,
    as_of: datetime.date,
) -> dict[str, Any]:
    """Reinstate the member of an approved request; return the state he is in then. Refuses illegal_move."""
    note = f"approval/{request_id}"
    moved = moving.apply(
        [payload["member"]], transition=REINSTATE, reason=payload["reason"], note=note, on=as_of, actor=actor
    )
    if not moved:
        raise moving.IllegalMove
    return {"state": moved[0][2]}


def standing(member_id: int) -> StatusChange | None:
    """Return the move that suspended a member who is suspended now."""
    last = StatusChange.objects.filter(member_id=member_id).select_related("actor").order_by("-id").first()
    return last if last and last.to_state == State.SUSPENDED else None


def targets(payload: Payload) -> list[Aim]:
    """Return the membership to reinstate; its version is the move that it stands by."""
    last = standing(payload["member"])
    return [Aim(subject=f"membership/{payload['member']}", version=f"move {last.pk}" if last else "not suspended")]


def credits(payload: Payload, user: User) -> bool:
    """Tell whether the membership is this user's own, by any account of the same employee."""
    member = Member.objects.select_related("user").get(pk=payload["member"])
    if member.user is None:
        return False
    own = employee_number_of(user)
    return member.user == user or (bool(own) and own == employee_number_of(member.user))


def describe(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return the request in words: whose membership, since when and why it was suspended."""
    last = standing(payload["member"])
    since = date_format(last.changed_on, "SHORT_DATE_FORMAT") if last else ""
    may_open = user.has_perm(visibility.SEE_MEMBERS)
    change = Change(
        target=payload["number"],
        url=reverse("admin:members_member_change", args=[payload["member"]]) if may_open else "",
        what=_("membership"),
        before=_("suspended since %(date)s") % {"date": since} if last else _("not suspended"),
        after=_("active"),
        note=": ".join(filter(None, (last.get_reason_display(), last.note))) if last else "",
    )
    sentence = _("Reinstate member %(number)s: he earns and spends again.") % {"number": payload["number"]}
    return Description(sentence=sentence, impact="", changes=[change])


KIND = Kind(
    code=KIND_CODE,
    label=gettext_lazy("Reinstate a member"),
    verb=reinstate_approved,
    describe=describe,
    targets=targets,
    worth=lambda _payload: None,
    credits=credits,
    permission_to_request=MAY_SUSPEND,
    permission_to_decide=MAY_DECIDE,
)
