"""The member's family: who is in it, what each may spend, and the verbs: invite, answer, grant, give, leave, remove."""

import datetime
import functools
import re
import uuid
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from foundation import transactions
from foundation.access import stepping_up
from foundation.access.signing_in import day_of, moment_of
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members import families
from members.models import FamilyMembership, Member
from points import pooling, redeeming, restoring, summaries, transferring
from points.models import PointCurrency, PoolMonth, Redemption
from portal.views import member_page

# What a page says after a verb, by the word in its address.
DONE = {
    "invited": _("The invitation stands. Who bears this number finds it under “Me”."),
    "accepted": _("You are in the family now."),
    "declined": _("You declined the invitation."),
    "removed": _("The place in the family has ended."),
    "left": _("You have left the family."),
    "granted": _("The new limit holds from now on."),
    "given": _("The points are on their way."),
    "used": _("Done: the family's points were used."),
    "given_back": _("Cancelled: the points went back to the head of the family."),
}
# So many redemptions of the family's points stand on the page.
USED = 10
WHOLE = re.compile(r"[0-9]{1,13}")


def family_action(view: Callable[..., tuple[str, Callable[..., Any], dict[str, Any]]]) -> Callable[..., HttpResponse]:
    """Make a view of a function that says which verb to commit with what, and what to say after it.

    A refusal stands on the family page, under the verb's own status; done, the member is sent back to that page.
    """

    @never_cache
    @login_required
    @require_POST
    @functools.wraps(view)
    def act(request: HttpRequest, **arguments: Any) -> HttpResponse:
        member = Member.objects.select_related("branch", "person").filter(user=request.user).first()
        if member is None:
            raise PermissionDenied
        try:
            done, verb, given = view(request, member=member, **arguments)
            if verb is transferring.transfer:
                at = moment_of(request.user)
                stepping_up.demand(request, for_what=stepping_up.SPEND, at=at, points=given["points"])
            transactions.commit(verb, **given, at=moment_of(request.user), actor=actor(request))
        except stepping_up.StepUpRequired:
            return stepping_up.confirm_first(reverse("portal:family"))
        except families.FamilyPoolOff as error:
            raise Http404 from error
        except Refusal as refusal:
            return _page(request, member, refusal=refusal)
        return redirect(f"{reverse('portal:family')}?done={done}")

    return act


@member_page
def family(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Show the member's family, his invitations, and what he or the others may spend this month."""
    return _page(request, member)


@family_action
def invite(request: HttpRequest, *, member: Member) -> tuple:
    """Invite a member number."""
    return "invited", families.invite, {"member_id": member.pk, "number": request.POST.get("number", "")}


@family_action
def accept(request: HttpRequest, *, member: Member, place: int) -> tuple:
    """Accept an invitation."""
    return "accepted", families.accept, {"member_id": member.pk, "membership_id": place}


@family_action
def decline(request: HttpRequest, *, member: Member, place: int) -> tuple:
    """Decline an invitation."""
    return "declined", families.decline, {"member_id": member.pk, "membership_id": place}


@family_action
def remove(request: HttpRequest, *, member: Member, place: int) -> tuple:
    """Take somebody out of the family, or an invitation back."""
    return "removed", families.remove, {"head_member_id": member.pk, "membership_id": place}


@family_action
def leave(request: HttpRequest, *, member: Member) -> tuple:
    """Leave the family."""
    return "left", families.leave, {"member_id": member.pk}


@family_action
def grant(request: HttpRequest, *, member: Member, place: int) -> tuple:
    """Say how many points somebody may spend a month."""
    limit = _whole(request, pooling.LimitOutOfRange)
    given = {"membership_id": place, "currency_id": _currency_id(request), "points_per_month": limit}
    return "granted", pooling.grant, {"head_member_id": member.pk, **given}


@family_action
def give(request: HttpRequest, *, member: Member, place: int) -> tuple:
    """Transfer points to another member of the family; a form sent twice gives once, by the key it was shown with."""
    families.refuse_where_off()
    own = families.place_of(member.pk)
    other = FamilyMembership.objects.accepted().filter(pk=place).first()
    if own is None or other is None or other.family_id != own.family_id:
        raise families.NoSuchFamilyMember
    try:
        key = uuid.UUID(request.POST.get("key", ""))
    except ValueError as error:
        raise transferring.KeyUsedOtherwise from error
    given = {"from_member_id": member.pk, "to_member_id": other.member_id, "currency_id": _currency_id(request)}
    details = {"points": _whole(request, transferring.NothingToTransfer), "key": key, "reference": "family"}
    return "given", transferring.transfer, {**given, **details, "occurred_on": day_of(request.user)}


def _whole(request: HttpRequest, refusal: type[Refusal]) -> int:
    """Return the points written in the form: figures alone, at most 13; anything else is the refusal."""
    text = request.POST.get("points", "").strip().replace(",", "")
    if not WHOLE.fullmatch(text):
        raise refusal(field="points")
    return int(text)


def _currency_id(request: HttpRequest) -> int:
    currency = PointCurrency.objects.filter(code=request.POST.get("currency", "")[:20].replace("\0", "")).first()
    if currency is None:
        raise transferring.NotTransferable
    return currency.pk


def _page(request: HttpRequest, member: Member, *, refusal: Refusal | None = None) -> HttpResponse:
    """Render the family page, with a refusal where a verb was refused."""
    if not families.is_on():
        raise Http404
    own, currencies = families.place_of(member.pk), _currencies()
    is_head = own is not None and own.role == FamilyMembership.Role.HEAD
    places = []
    if own:
        this_month = PoolMonth.objects.filter(month=day_of(request.user).replace(day=1))
        # Whom the head has invited is his affair until they accept.
        seen = own.family.memberships.open() if is_head else own.family.memberships.accepted()
        rows = seen.select_related("member__person").order_by("role", "accepted_at", "id")
        rows = rows.prefetch_related("grants", Prefetch("months", this_month))
        places = [_place(one, own, currencies) for one in rows]
    balances = summaries.balances(member_ids=[member.pk], today=day_of(request.user))
    shown = {
        "door": "me",
        "member": member,
        "own": own,
        "is_head": is_head,
        "places": places,
        "currencies": [
            {"currency": one, "available": balances.get((member.pk, one.pk), summaries.Balance()).available}
            for one in currencies
        ],
        "invitations": _invitations(member),
        "used": _used(member, at=moment_of(request.user)) if own and not is_head else [],
        "done": DONE.get(request.GET.get("done", "")),
        "refusal": refusal,
    }
    return render(request, "portal/family.html", shown, status=refusal.status if refusal else 200)


def _used(member: Member, *, at: datetime.datetime) -> list[Redemption]:
    """Return the last that the member redeemed of the family's points, each with whether he may take it back still."""
    redeemed = Redemption.objects.filter(for_member=member).select_related("currency").order_by("-id")[:USED]
    for redemption in redeemed:
        redemption.may_give_back = redemption.caller == redeeming.MEMBER and restoring.is_open(redemption, at=at)
    return list(redeemed)


def _currencies() -> list[PointCurrency]:
    return list(PointCurrency.objects.filter(kind=PointCurrency.Kind.REWARD).order_by("id"))


def _place(place: FamilyMembership, own: FamilyMembership, currencies: list[PointCurrency]) -> dict[str, Any]:
    """Return what is shown of a place: the name masked, and his rights this month to himself and to the head."""
    person = getattr(place.member, "person", None)
    may_see = own.role == FamilyMembership.Role.HEAD or place.pk == own.pk
    return {
        "place": place,
        "pk": str(place.pk),
        "name": person.masked_name if person and person.masked_name else place.number,
        "is_own": place.pk == own.pk,
        "rights": _rights(place, currencies) if may_see and place.role == FamilyMembership.Role.MEMBER else [],
        "key": uuid.uuid4(),
    }


def _rights(place: FamilyMembership, currencies: list[PointCurrency]) -> list[dict[str, Any]]:
    """Return, for each reward currency, what the member may spend a month, has spent in this one, and has left."""
    limits = {grant.currency_id: grant.points_per_month for grant in place.grants.all()}
    used = {month.currency_id: month.points_used for month in place.months.all()}
    return [
        {
            "currency": currency,
            "limit": limits.get(currency.pk, 0),
            "used": used.get(currency.pk, 0),
            "left": max(limits.get(currency.pk, 0) - used.get(currency.pk, 0), 0),
        }
        for currency in currencies
    ]


def _invitations(member: Member) -> list[dict[str, Any]]:
    """Return the member's open invitations, each with the masked name of the head who invites."""
    rows = FamilyMembership.objects.inviting(member.number).order_by("id")
    heads = FamilyMembership.objects.accepted().filter(role=FamilyMembership.Role.HEAD)
    by_family = {
        head.family_id: head
        for head in heads.filter(family__in=[one.family_id for one in rows]).select_related("member__person")
    }
    return [
        {"pk": str(one.pk), "head": getattr(by_family[one.family_id].member, "person", None), "at": one.invited_at}
        for one in rows
        if one.family_id in by_family
    ]
