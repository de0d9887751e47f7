"""Erasing a member for him: one of the staff asks, another decides (docs/approvals.md)."""

import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from foundation.access import visibility
from foundation.access.models import User
from foundation.access.signing_in import moment_of
from foundation.actors import Actor
from foundation.approvals import requesting
from foundation.approvals.kinds import Aim, Change, Description, Kind, Payload
from foundation.approvals.models import Request
from foundation.approvals.requesting import Stale, person
from foundation.periods import day_of
from foundation.transactions import in_transaction
from members.consent_texts import Channel
from members.models import Member
from privacy import barriers, erasing

MAY_REQUEST, MAY_DECIDE = "privacy.request_erasure", "privacy.decide_erasure"


@in_transaction
def ask(
    *, id: UUID, member: Member, gives_up_points: bool, reason: str, actor: Actor, at: datetime.datetime
) -> Request:
    """Ask to erase a member who came to the counter; another person decides. Refuses erasure_barred, and as requesting.request."""
    stands = barriers.standing(member, today=day_of(at), gives_up_points=gives_up_points)
    if barred := [one for one in stands if one.possible_on is None]:
        raise erasing.ErasureBarred(barriers=barred)
    payload = {"member": member.pk, "number": member.number, "gives_up_points": gives_up_points}
    return requesting.request(
        id=id,
        kind=KIND.code,
        payload=payload,
        branch=member.branch,
        reason=reason,
        content_key=f"erase/{member.pk}",
        actor=actor,
        at=at,
    )


@in_transaction
def do(
    *, payload: Payload, request_id: UUID, reason: str, versions: dict[str, str], actor: Actor, as_of: datetime.date
) -> dict[str, Any]:
    """Erase the member of an approved request, or let the wish wait for its day. Refuses erasure_barred, stale for one who is erased."""
    member = Member.objects.get(pk=payload["member"])
    if erasing.is_erased(member.pk):
        raise Stale
    done = erasing.ask(
        member=member,
        channel=Channel.BRANCH,
        gives_up_points=payload["gives_up_points"],
        may_wait=True,
        today=as_of,
        at=moment_of(person(actor)[0]),
        actor=actor,
        request_id=request_id,
    )
    certificate = erasing.certificate_of(member.pk)
    waits = done.possible_on.isoformat() if done.possible_on else None
    return {"state": done.state, "possible_on": waits, "certificate": certificate.number if certificate else None}


def targets(payload: Payload) -> list[Aim]:
    """Return the member, in the version of his status."""
    status, branch = Member.objects.values_list("status", "branch").get(pk=payload["member"])
    erased = " erased" if erasing.is_erased(payload["member"]) else ""
    return [Aim(subject=f"member/{payload['member']}", version=f"{status}/{branch}{erased}")]


def credits(payload: Payload, user: User) -> bool:
    """Tell whether the member is the user himself, by any account of his."""
    return Member.objects.of_employee(user).filter(pk=payload["member"]).exists()


def describe(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return the request in words: who would be erased, and what stands against it now."""
    member = Member.objects.select_related("branch").get(pk=payload["member"])
    stands = barriers.standing(member, today=as_of, gives_up_points=payload["gives_up_points"])
    is_gone = erasing.is_erased(member.pk)
    change = Change(
        target=payload["number"],
        url=reverse("admin:members_member_change", args=[member.pk]) if user.has_perm(visibility.SEE_MEMBERS) else "",
        what=_("personal data"),
        before=_("destroyed") if is_gone else _("kept"),
        after=_("destroyed"),
        note="" if is_gone else " ".join(one.sentence for one in stands),
    )
    sentence = _("Destroy the personal data of member %(number)s for good; the ledger stays.")
    impact = _("His points are given up.") if payload["gives_up_points"] else ""
    return Description(sentence=sentence % {"number": payload["number"]}, impact=impact, changes=[change])


KIND = Kind(
    code=barriers.ERASE,
    label=gettext_lazy("Erase a member"),
    verb=do,
    describe=describe,
    targets=targets,
    worth=lambda _payload: None,
    credits=credits,
    permission_to_request=MAY_REQUEST,
    permission_to_decide=MAY_DECIDE,
)
