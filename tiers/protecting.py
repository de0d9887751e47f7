"""Protecting a tier: invitations, freezes and overrides, and their early end, each done only as another person decided it.

What is asked for, and its words for the checker, stands in tiers.protection_requests; the rules are domain.md §4.
"""

import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from foundation.actors import Actor
from foundation.jobs import clock
from foundation.periods import add_months
from foundation.refusals import Refusal
from foundation.transactions import in_transaction
from members.models import Member
from tiers.models import Programme, Protection, Standing, Tier

Kind = Protection.Kind


class MembershipClosed(Refusal):
    code = "membership_closed"
    sentence = _("This membership is closed; its tiers can't be protected any more.")


class TierElsewhere(Refusal):
    code = "tier_of_another_programme"
    status = 422
    sentence = _("This tier belongs to another programme.")


class TierNotHigher(Refusal):
    code = "tier_not_higher"
    status = 422
    sentence = _("Choose a tier above %(tier)s, which the member holds. To keep him there, freeze it.")


class NothingToFreeze(Refusal):
    code = "nothing_to_freeze"
    status = 422
    sentence = _("%(tier)s is everybody's; nobody loses it, so there is nothing to freeze.")


class EndsTooSoon(Refusal):
    code = "protection_ends_too_soon"
    status = 422
    sentence = _("It must end after %(date)s.")


class EndsTooLate(Refusal):
    code = "protection_ends_too_late"
    status = 422
    sentence = _("It must end on %(date)s or before; ask again then.")


class AlreadyProtected(Refusal):
    code = "already_protected"
    sentence = _("The member's tier in this programme is protected already. End that first, or let it end.")


class NotProtected(Refusal):
    code = "not_protected"
    sentence = _("This protection has ended already.")


@in_transaction
def protect(
    *,
    payload: dict[str, Any],
    request_id: UUID,
    reason: str,
    versions: dict[str, str],
    actor: Actor,
    as_of: datetime.date,
) -> dict[str, Any]:
    """Protect a member's tier in a programme, from the first open business date on; that date's review gives it.

    Refuses what `check` refuses, and already_protected by the database's own word.
    """
    member = Member.objects.get(pk=payload["member"])
    programme = Programme.objects.get(code=payload["programme"])
    tier = programme.tiers.get(code=payload["tier"])
    # From here on no close can begin, so that the review of this date finds the protection.
    starts_on = clock.booking_date()
    until = datetime.date.fromisoformat(payload["until"])
    check(
        member=member, programme=programme, kind=Kind(payload["kind"]), tier=tier, until=until, starts_on=starts_on,
        as_of=as_of,
    )  # fmt: skip
    protection = Protection(
        member=member,
        programme=programme,
        kind=payload["kind"],
        tier=tier,
        starts_on=starts_on,
        until=until,
        reason=reason,
        request_id=request_id,
    )
    try:
        with transaction.atomic():
            protection.save(force_insert=True)
    except IntegrityError as error:
        if getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) == "one_protection_at_a_time":
            raise AlreadyProtected from error
        raise
    return {"protection": protection.pk, "starts_on": starts_on.isoformat()}


@in_transaction
def end(
    *,
    payload: dict[str, Any],
    request_id: UUID,
    reason: str,
    versions: dict[str, str],
    actor: Actor,
    as_of: datetime.date,
) -> dict[str, Any]:
    """End a protection early: the review of the first open business date no longer heeds it. Refuses not_protected."""
    ended_on = clock.booking_date()
    running = Protection.objects.ending_after(ended_on).filter(pk=payload["protection"], starts_on__lte=ended_on)
    if not running.update(ended_on=ended_on, ending_request_id=request_id):
        raise NotProtected
    return {"protection": payload["protection"], "ended_on": ended_on.isoformat()}


def check(
    *,
    member: Member,
    programme: Programme,
    kind: Protection.Kind,
    tier: Tier,
    until: datetime.date,
    starts_on: datetime.date,
    as_of: datetime.date,
) -> None:
    """Refuse a protection that can't be: membership_closed, tier_of_another_programme, nothing_to_freeze, tier_not_higher,
    protection_ends_too_soon, protection_ends_too_late, already_protected."""
    if member.status == Member.Status.CLOSED:
        raise MembershipClosed
    if tier.programme_id != programme.pk:
        raise TierElsewhere(field="tier")
    held = tier_of(member_id=member.pk, programme=programme)
    if kind == Kind.FREEZE and tier.rank == 0:
        raise NothingToFreeze(field="kind", tier=tier)
    if kind != Kind.FREEZE and tier.rank <= held.rank:
        raise TierNotHigher(field="tier", tier=held)
    if until <= max(starts_on, as_of):
        raise EndsTooSoon(field="until", date=date_format(max(starts_on, as_of)))
    latest = add_months(as_of, settings.TIER_PROTECTION_MONTHS)
    if until > latest:
        raise EndsTooLate(field="until", date=date_format(latest))
    if Protection.objects.ending_after(starts_on).filter(member=member, programme=programme).exists():
        raise AlreadyProtected


def tier_of(*, member_id: int, programme: Programme) -> Tier:
    """Return the tier that the member holds at present."""
    standing = Standing.objects.filter(member=member_id, programme=programme).select_related("tier").first()
    return standing.tier if standing else programme.tiers.get(rank=0)


def version_of(*, member_id: int, programme_id: int) -> str:
    """Return what a request about the member's tier rests on: his status and branch, the decision that holds, his last protection."""
    [member] = Member.objects.filter(pk=member_id).values_list("status", "branch_id")
    decision = Standing.objects.filter(member=member_id, programme=programme_id).values_list("decision", flat=True)
    last = Protection.objects.filter(member=member_id, programme=programme_id).order_by(F("starts_on").desc(), "-id")
    protection = last.values_list("pk", "ended_on").first() or (0, None)
    return "/".join([*map(str, member), str(decision.first() or 0), *map(str, protection)])
