"""A copy for a member who comes to the counter: one of the staff asks, another decides (docs/approvals.md)."""

import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
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
from foundation.approvals.requesting import person
from foundation.transactions import in_transaction
from members.consent_texts import Channel
from members.models import Member
from privacy import exporting
from privacy.models import Export

MAY_REQUEST, MAY_DECIDE = "privacy.request_export", "privacy.decide_export"


@in_transaction
def ask(*, id: UUID, member: Member, reason: str, actor: Actor, at: datetime.datetime) -> Request:
    """Ask for a copy of a member's data for him; another person decides. Refuses as requesting.request."""
    payload = {"member": member.pk, "number": member.number}
    return requesting.request(
        id=id, kind=KIND.code, payload=payload, branch=member.branch, reason=reason, actor=actor, at=at
    )


@in_transaction
def do(
    *, payload: Payload, request_id: UUID, reason: str, versions: dict[str, str], actor: Actor, as_of: datetime.date
) -> dict[str, Any]:
    """Let the copy of an approved request be made. Refuses as exporting.ask."""
    member = Member.objects.get(pk=payload["member"])
    made = exporting.ask(
        member=member,
        channel=Channel.BRANCH,
        language=member.language or settings.LANGUAGE_CODE,
        at=moment_of(person(actor)[0]),
        actor=actor,
        request_id=request_id,
    )
    return {"export": str(made.pk)}


def asked_by(user: User, *, export: Export) -> bool:
    """Tell whether the user asked for this copy, so that he may hand it over."""
    made = export.request_id
    return made is not None and Request.objects.filter(pk=made, requested_by=user).exists()


def targets(payload: Payload) -> list[Aim]:
    """Return the member, in the version of his branch."""
    [branch] = Member.objects.filter(pk=payload["member"]).values_list("branch", flat=True)
    return [Aim(subject=f"member/{payload['member']}", version=f"{branch}")]


def describe(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return the request in words."""
    may_open = user.has_perm(visibility.SEE_MEMBERS)
    change = Change(
        target=payload["number"],
        url=reverse("admin:members_member_change", args=[payload["member"]]) if may_open else "",
        what=_("all that the bank keeps of him, in clear"),
        before="",
        after=_("a file, to be fetched once within 24 hours"),
    )
    sentence = _("Make a copy of the data of member %(number)s, to be handed to him.") % {"number": payload["number"]}
    return Description(sentence=sentence, impact="", changes=[change], fixed=True)


KIND = Kind(
    code="privacy.export",
    label=gettext_lazy("Copy of a member's data"),
    verb=do,
    describe=describe,
    targets=targets,
    worth=lambda _payload: None,
    credits=lambda payload, user: Member.objects.of_employee(user).filter(pk=payload["member"]).exists(),
    permission_to_request=MAY_REQUEST,
    permission_to_decide=MAY_DECIDE,
)
