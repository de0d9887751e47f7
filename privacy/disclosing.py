"""Disclosures to authorities: recorded when two people have agreed to what is given; the member reads them, unless secrecy is ordered."""

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
from foundation.approvals.requesting import person, worded
from foundation.periods import day_of
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.models import Member
from privacy import erasing
from privacy.exporting import MemberErased
from privacy.keeping import Disclosure

MAY_REQUEST, MAY_DECIDE, MAY_SEE = "privacy.request_disclosure", "privacy.decide_disclosure", "privacy.view_disclosure"
LONGEST = {"authority": 120, "legal_basis": 200, "what_given": 400}


class DisclosureIncomplete(Refusal):
    code = "disclosure_incomplete"
    status = 422
    sentence = gettext_lazy("Say which authority asked, by what right, and what is given.")


class GivenInTheFuture(Refusal):
    code = "given_in_the_future"
    status = 422
    sentence = gettext_lazy("A disclosure is recorded on the day it is given, or later.")


@in_transaction
def ask(
    *,
    id: UUID,
    member: Member,
    authority: str,
    legal_basis: str,
    what_given: str,
    given_on: datetime.date,
    secret_until: datetime.date | None,
    reason: str,
    actor: Actor,
    at: datetime.datetime,
) -> Request:
    """Ask to give an authority something of a member, and to record it; another person decides. `what_given` names kinds of data only.

    Refuses disclosure_incomplete, given_in_the_future, member_erased, and as requesting.request.
    """
    said = {"authority": worded(authority), "legal_basis": worded(legal_basis), "what_given": worded(what_given)}
    for field, text in said.items():
        if not 0 < len(text) <= LONGEST[field]:
            raise DisclosureIncomplete(field=field)
    if given_on > day_of(at):
        raise GivenInTheFuture(field="given_on")
    if erasing.is_erased(member.pk):
        raise MemberErased
    payload = {
        "member": member.pk,
        "number": member.number,
        **said,
        "given_on": given_on.isoformat(),
        "secret_until": secret_until.isoformat() if secret_until else None,
    }
    return requesting.request(
        id=id, kind=KIND.code, payload=payload, branch=member.branch, reason=reason, actor=actor, at=at
    )


@in_transaction
def do(
    *, payload: Payload, request_id: UUID, reason: str, versions: dict[str, str], actor: Actor, as_of: datetime.date
) -> dict[str, Any]:
    """Record the disclosure of an approved request; what is recorded is its own trail, beside the approval's event."""
    made = Request.objects.get(pk=request_id)
    user, _number = person(actor)
    secret = payload["secret_until"]
    Disclosure.objects.create(
        id=request_id,
        member_id=payload["member"],
        authority=payload["authority"],
        legal_basis=payload["legal_basis"],
        what_given=payload["what_given"],
        given_on=datetime.date.fromisoformat(payload["given_on"]),
        secret_until=datetime.date.fromisoformat(secret) if secret else None,
        asked_by_id=made.requested_by_id,
        decided_by=user,
        decided_at=moment_of(user),
    )
    return {"disclosure": str(request_id)}


def targets(payload: Payload) -> list[Aim]:
    """Return the member, in the version of his branch."""
    [branch] = Member.objects.filter(pk=payload["member"]).values_list("branch", flat=True)
    return [Aim(subject=f"disclosure/{payload['member']}", version=f"{branch}")]


def describe(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return the request in words: to whom, by what right, what; and until when the member is not told."""
    may_open = user.has_perm(visibility.SEE_MEMBERS)
    secret = payload["secret_until"]
    change = Change(
        target=payload["number"],
        url=reverse("admin:members_member_change", args=[payload["member"]]) if may_open else "",
        what=payload["what_given"],
        before="",
        after=payload["authority"],
        note=_("The member is not told until %(date)s.") % {"date": secret} if secret else "",
    )
    said = _("Disclose data of member %(number)s to %(authority)s, by %(basis)s.")
    named = {"number": payload["number"], "authority": payload["authority"], "basis": payload["legal_basis"]}
    return Description(sentence=said % named, impact="", changes=[change], fixed=True)


KIND = Kind(
    code="privacy.disclose",
    label=gettext_lazy("Disclosure to an authority"),
    verb=do,
    describe=describe,
    targets=targets,
    worth=lambda _payload: None,
    credits=lambda payload, user: Member.objects.of_employee(user).filter(pk=payload["member"]).exists(),
    permission_to_request=MAY_REQUEST,
    permission_to_decide=MAY_DECIDE,
)
