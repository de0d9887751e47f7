"""Freezing a purse and thawing it: frozen, it refuses redemptions, holds and transfers, and nothing else (docs/freezing.md)."""

import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from foundation.access import visibility
from foundation.access.models import Role, User
from foundation.actors import Actor
from foundation.approvals import requesting
from foundation.approvals.kinds import Aim, Change, Description, Kind, Payload
from foundation.approvals.models import Request
from foundation.approvals.requesting import ReasonMissing
from foundation.audit.recording import record
from foundation.periods import day_of
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.models import Member
from points.freezes import Freeze
from points.ledger import asked
from points.models import PointCurrency
from points.redeeming import UnknownPurse

THAW = "points.thaw"
MAY_FREEZE, MAY_THAW, MAY_DECIDE = "points.freeze_purse", "points.thaw_purse", "points.decide_thaw"


class AlreadyFrozen(Refusal):
    code = "already_frozen"
    sentence = gettext_lazy("These points are frozen already.")


class NotFrozen(Refusal):
    code = "not_frozen"
    sentence = gettext_lazy("These points are not frozen.")


class ThawNeedsTwo(Refusal):
    code = "thaw_needs_two"
    status = 403
    sentence = gettext_lazy("Compliance froze these points; two people lift it: ask for it, and another decides.")


@in_transaction
def freeze(*, member: Member, currency: PointCurrency, reason: str, at: datetime.datetime, actor: Actor) -> Freeze:
    """Freeze a purse at once, until it is thawed; it counts as compliance's where the actor acts by such a posting.

    What waits for the purse's lock meanwhile is refused as `frozen`. Refuses reason_missing, already_frozen, unknown_purse.
    """
    reason = _said(reason)
    frozen = _turn(member.pk, currency.pk, frozen=True)
    if frozen is None:
        raise UnknownPurse
    if not frozen:
        raise AlreadyFrozen
    made = Freeze.objects.create(
        member=member,
        currency=currency,
        frozen_on=day_of(at),
        reason=reason,
        by_compliance=_is_compliance(actor, member, on=day_of(at)),
        frozen_by=actor.user,
    )
    _leave_trail("points.freeze", member, currency, reason=reason, at=at, actor=actor)
    return made


@in_transaction
def thaw(*, member: Member, currency: PointCurrency, reason: str, at: datetime.datetime, actor: Actor) -> None:
    """Thaw a purse that others than compliance froze. Refuses reason_missing, not_frozen, thaw_needs_two."""
    reason = _said(reason)
    if not _turn(member.pk, currency.pk, frozen=False):
        raise NotFrozen
    standing = Freeze.objects.standing(member_id=member.pk, currency_id=currency.pk)
    if standing.filter(by_compliance=True).exists():
        raise ThawNeedsTwo
    standing.update(thawed_on=day_of(at))
    _leave_trail("points.thaw", member, currency, reason=reason, at=at, actor=actor)


@in_transaction
def ask_to_thaw(
    *, id: UUID, member: Member, currency: PointCurrency, reason: str, actor: Actor, at: datetime.datetime
) -> Request:
    """Ask to thaw what compliance froze; another person of compliance decides. Refuses not_frozen, and as requesting.request."""
    if not Freeze.objects.standing(member_id=member.pk, currency_id=currency.pk).exists():
        raise NotFrozen
    payload = {"member": member.pk, "number": member.number, "currency": currency.code}
    return requesting.request(
        id=id, kind=THAW, payload=payload, branch=member.branch, reason=reason, actor=actor, at=at
    )


@in_transaction
def thaw_approved(
    *,
    payload: Payload,
    request_id: UUID,
    reason: str,
    versions: dict[str, str],
    actor: Actor,
    as_of: datetime.date,
) -> dict[str, Any]:
    """Thaw the purse of an approved request, whoever froze it; return which freeze ended. Refuses not_frozen."""
    currency = PointCurrency.objects.get(code=payload["currency"])
    if not _turn(payload["member"], currency.pk, frozen=False):
        raise NotFrozen
    standing = Freeze.objects.standing(member_id=payload["member"], currency_id=currency.pk)
    ended = standing.values_list("pk", flat=True).first()
    standing.update(thawed_on=as_of)
    return {"freeze": ended}


def _turn(member_id: int, currency_id: int, *, frozen: bool) -> bool | None:
    """Freeze or thaw the purse under its lock; tell whether it was the other way before, None where there is no purse."""
    [[turned]] = asked("SELECT points_freeze(%s, %s::smallint, %s)", [member_id, currency_id, frozen])
    return turned


def _said(reason: str) -> str:
    reason = requesting.worded(reason)
    if not reason:
        raise ReasonMissing(field="reason")
    return reason


def _is_compliance(actor: Actor, member: Member, *, on: datetime.date) -> bool:
    if actor.user is None:
        return False
    roles = visibility.roles_in(actor.user, permission=MAY_FREEZE, path=member.branch.path, on=on)
    return Role.COMPLIANCE in roles


def _leave_trail(
    verb: str, member: Member, currency: PointCurrency, *, reason: str, at: datetime.datetime, actor: Actor
) -> None:
    record(
        verb=verb,
        actor=actor,
        subject_kind="member",
        subject_id=member.pk,
        at=at,
        new={"currency": currency.code},
        reason=reason,
    )


def targets(payload: Payload) -> list[Aim]:
    """Return the purse to thaw; its version is the freeze that stands on it."""
    currency = PointCurrency.objects.get(code=payload["currency"])
    standing = Freeze.objects.standing(member_id=payload["member"], currency_id=currency.pk).first()
    version = "free" if standing is None else f"freeze {standing.pk}"
    return [Aim(subject=f"purse/{payload['member']}/{currency.pk}", version=version)]


def credits(payload: Payload, user: User) -> bool:
    """Tell whether the purse is this user's own, by any account of the same employee, or of somebody who lives with him."""
    return Member.objects.close_to_employee(user).filter(pk=payload["member"]).exists()


def describe(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return the request in words: whose purse, and why it was frozen."""
    currency = PointCurrency.objects.get(code=payload["currency"])
    standing = Freeze.objects.standing(member_id=payload["member"], currency_id=currency.pk).first()
    since = date_format(standing.frozen_on, "SHORT_DATE_FORMAT") if standing else ""
    may_open = user.has_perm(visibility.SEE_MEMBERS)
    change = Change(
        target=payload["number"],
        url=reverse("admin:members_member_change", args=[payload["member"]]) if may_open else "",
        what=str(currency),
        before=_("frozen since %(date)s") % {"date": since} if standing else _("not frozen"),
        after=_("not frozen"),
        note=standing.reason if standing else "",
    )
    sentence = _("Thaw the points of member %(number)s: they can be spent again.") % {"number": payload["number"]}
    return Description(sentence=sentence, impact="", changes=[change])


KIND = Kind(
    code=THAW,
    label=gettext_lazy("Thaw points"),
    verb=thaw_approved,
    describe=describe,
    targets=targets,
    worth=lambda _payload: None,
    credits=credits,
    permission_to_request=MAY_THAW,
    permission_to_decide=MAY_DECIDE,
)
