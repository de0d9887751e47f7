"""Protections as requests: what is asked for, what it rests on, and its words for the checker (docs/protections.md)."""

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
from foundation.approvals.kinds import Aim, Change, Description, Kind, Payload, Verb, Words
from foundation.approvals.models import Request
from foundation.transactions import in_transaction
from members.models import Member, Person
from tiers import protecting
from tiers.models import Programme, Protection, Standing, Tier

PROTECT = "tiers.protect"
END = "tiers.end_protection"
MAY_REQUEST = "tiers.request_protection"
MAY_DECIDE = "tiers.decide_protection"


@in_transaction
def ask(
    *,
    id: UUID,
    member: Member,
    programme: Programme,
    kind: Protection.Kind,
    tier: Tier | None,
    until: datetime.date,
    reason: str,
    actor: Actor,
    at: datetime.datetime,
) -> Request:
    """Ask for a protection; a freeze is of the tier that the member holds, whatever `tier` says.

    Refuses what protecting.check refuses, tier_not_higher for a kind that lacks its tier, and what requesting.request refuses.
    """
    today = requesting.day_of(at)
    held = protecting.tier_of(member_id=member.pk, programme=programme)
    chosen = held if kind == Protection.Kind.FREEZE or tier is None else tier
    protecting.check(
        member=member, programme=programme, kind=kind, tier=chosen, until=until, starts_on=today, as_of=today
    )
    payload = _named(member, programme) | {"kind": kind.value, "tier": chosen.code, "until": until.isoformat()}
    return requesting.request(
        id=id, kind=PROTECT, payload=payload, branch=member.branch, reason=reason, actor=actor, at=at
    )


@in_transaction
def ask_to_end(*, id: UUID, protection: Protection, reason: str, actor: Actor, at: datetime.datetime) -> Request:
    """Ask for the early end of a protection. Refuses not_protected, and what requesting.request refuses."""
    if protection.ends_on <= requesting.day_of(at):
        raise protecting.NotProtected
    member = protection.member
    payload = _named(member, protection.programme) | {"protection": protection.pk}
    return requesting.request(id=id, kind=END, payload=payload, branch=member.branch, reason=reason, actor=actor, at=at)


def _named(member: Member, programme: Programme) -> Payload:
    return {"member": member.pk, "number": member.number, "programme": programme.code}


def targets(payload: Payload) -> list[Aim]:
    """Return the standing that is asked about: a decision, another protection, a move to another branch make the request stale.

    Its amount is how many tiers above the present one are asked for.
    """
    programme = Programme.objects.get(code=payload["programme"])
    amount = 0
    if "tier" in payload:
        held = protecting.tier_of(member_id=payload["member"], programme=programme)
        amount = max(0, programme.tiers.get(code=payload["tier"]).rank - held.rank)
    version = protecting.version_of(member_id=payload["member"], programme_id=programme.pk)
    return [Aim(subject=f"standing/{payload['member']}/{programme.pk}", version=version, amount=amount)]


def credits(payload: Payload, user: User) -> bool:
    """Tell whether the member whose tier is to be protected is this user, by any account, or lives with him; an end gains nobody."""
    return "tier" in payload and Member.objects.close_to_employee(user).filter(pk=payload["member"]).exists()


def describe(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return a protection's words, with the standing before and after."""
    programme = Programme.objects.get(code=payload["programme"])
    tier = programme.tiers.get(code=payload["tier"])
    until = datetime.date.fromisoformat(payload["until"])
    patterns = {
        Protection.Kind.INVITATION: _("Invite member %(number)s to %(tier)s in %(programme)s until %(date)s."),
        Protection.Kind.FREEZE: _("Freeze member %(number)s at %(tier)s in %(programme)s until %(date)s."),
        Protection.Kind.OVERRIDE: _("Set member %(number)s to %(tier)s in %(programme)s by hand until %(date)s."),
    }
    words = {"tier": tier, "programme": programme, "number": payload["number"], "date": date_format(until)}
    after = _("%(tier)s, not lowered before %(date)s") % words
    sentence = patterns[Protection.Kind(payload["kind"])] % words
    return Description(
        sentence=sentence,
        impact=_("from the close of the first open business date on"),
        changes=[_change(payload, programme, user=user, after=after)],
    )


def describe_end(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return the words of an early end, with the standing before and after."""
    protection = Protection.objects.select_related("tier", "programme").get(pk=payload["protection"])
    words = {
        "kind": protection.get_kind_display(),
        "tier": protection.tier,
        "programme": protection.programme,
        "number": payload["number"],
    }
    return Description(
        sentence=_("End the %(kind)s of member %(number)s to %(tier)s in %(programme)s early.") % words,
        impact=_("the next review decides"),
        changes=[_change(payload, protection.programme, user=user, after=_("the next review decides"))],
    )


def _change(payload: Payload, programme: Programme, *, user: User, after: str) -> Change:
    member_id = payload["member"]
    may_open = user.has_perm(visibility.SEE_MEMBERS)
    # Who reads no single member's page reads numbers here, and no names.
    names = Person.objects.filter(member=member_id).values_list("masked_name", flat=True) if may_open else []
    return Change(
        target=" ".join(filter(None, (payload["number"], *names))),
        url=reverse("admin:members_member_change", args=[member_id]) if may_open else "",
        what=str(programme),
        before=_held(member_id, programme),
        after=after,
    )


def _held(member_id: int, programme: Programme) -> str:
    """Return the member's present tier, and until when it is his."""
    standing = Standing.objects.filter(member=member_id, programme=programme).select_related("tier").first()
    if standing is None:
        return str(programme.tiers.get(rank=0))
    if standing.grace_until:
        pattern, date = _("%(tier)s, in grace until %(date)s"), standing.grace_until
    elif standing.valid_until:
        pattern, date = _("%(tier)s, valid until %(date)s"), standing.valid_until
    else:
        return str(standing.tier)
    return pattern % {"tier": standing.tier, "date": date_format(date)}


def _no_worth(payload: Payload) -> int | None:
    return None


def _kind(code: str, label: Any, verb: Verb, words: Words) -> Kind:
    return Kind(
        code=code,
        label=label,
        verb=verb,
        describe=words,
        targets=targets,
        worth=_no_worth,
        credits=credits,
        permission_to_request=MAY_REQUEST,
        permission_to_decide=MAY_DECIDE,
    )


KINDS = (
    _kind(PROTECT, gettext_lazy("Protect a tier"), protecting.protect, describe),
    _kind(END, gettext_lazy("End the protection of a tier"), protecting.end, describe_end),
)
