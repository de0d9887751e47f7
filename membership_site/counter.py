"""At the counter: a teller redeems a member's points, and takes back what was redeemed. Each shows first what it will do."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _

from foundation import transactions
from foundation.access import visibility
from foundation.access.signing_in import day_of, moment_of
from foundation.money import number
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members.models import Member
from points import redeeming, restoring, summaries
from points.entering import RedeemForm
from points.ledger import NEVER
from points.models import PointCurrency, Redemption

REDEEM = "points.redeem"


def urls(site: AdminSite) -> list:
    """Return the counter's addresses under a member's."""

    def guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        return site.admin_view(lambda request, **names: view(request, site, **names))

    return [
        path("<int:member_id>/redeem/<slug:code>/", guarded(redeem), name="members_member_redeem"),
        path(
            "<int:member_id>/redemptions/<rdm:redemption_id>/cancel/",
            guarded(cancel),
            name="members_member_cancel_redemption",
        ),
    ]


def redeem(request: HttpRequest, site: AdminSite, *, member_id: int, code: str) -> HttpResponse:
    """Ask how many points for what; show the balance after it; redeem."""
    member = served(request, member_id)
    currency = PointCurrency.objects.filter(code=code, kind=PointCurrency.Kind.REWARD).first()
    if currency is None:
        raise Http404
    form = RedeemForm(request.POST or None, initial={"key": uuid.uuid4()})
    balances = summaries.balances(member_ids=[member.pk], today=day_of(request.user))
    available = balances.get((member.pk, currency.pk), summaries.Balance()).available
    asked = dict(form.cleaned_data) if form.is_valid() else None
    if asked and "confirmed" in request.POST:
        try:
            redeemed = transactions.commit(_redeem, request=request, member=member, currency=currency, **asked)
        except Refusal as refusal:
            form.add_error("points", str(refusal))
        else:
            points = number(redeemed.redemption.points)
            messages.success(request, _("Redeemed: %(points)s points.") % {"points": points})
            return redirect(points_tab(member, currency))
    elif asked and asked["points"] > available:
        form.add_error("points", str(redeeming.InsufficientPoints()))
    asked = None if form.errors else asked
    return site.page(
        request,
        "admin/redeem.html",
        title=_("Redeem points"),
        member=member,
        person=getattr(member, "person", None),
        currency=currency,
        form=form,
        available=available,
        asked=asked,
        after=available - asked["points"] if asked else None,
        purpose=dict(form.fields["purpose"].choices)[asked["purpose"]] if asked else "",
        back=points_tab(member, currency),
    )


def cancel(request: HttpRequest, site: AdminSite, *, member_id: int, redemption_id: uuid.UUID) -> HttpResponse:
    """Show what comes back and until when it can be used; cancel."""
    member, at = served(request, member_id), moment_of(request.user)
    rows = Redemption.objects.select_related("currency").filter(member=member)
    redemption = rows.filter(pk=redemption_id, caller__in=(redeeming.MEMBER, redeeming.STAFF)).first()
    if redemption is None:
        raise Http404
    refused = ""
    if request.method == "POST":
        try:
            transactions.commit(
                restoring.cancel, redemption=redemption, within=restoring.WINDOW, at=at, actor=actor(request)
            )
        except Refusal as refusal:
            refused = str(refusal)
        else:
            messages.success(
                request, _("Cancelled: %(points)s points came back.") % {"points": number(redemption.points)}
            )
            return redirect(points_tab(member, redemption.currency))
    return site.page(
        request,
        "admin/cancel_redemption.html",
        title=_("Cancel a redemption"),
        member=member,
        person=getattr(member, "person", None),
        redemption=redemption,
        refused=refused,
        open=restoring.is_open(redemption, at=at),
        today=day_of(request.user),
        returning=restoring.returning(redemption, today=day_of(request.user)),
        never=NEVER,
        back=points_tab(member, redemption.currency),
    )


def served(request: HttpRequest, member_id: int, *, permission: str = REDEEM) -> Member:
    """Return the member, where a posting lets the user serve him so; a member of another branch does not exist for him."""
    if not request.user.has_perm(permission):
        raise PermissionDenied
    members = Member.objects.select_related("branch", "person")
    if not request.user.is_superuser:
        members = members.in_branches(visibility.paths(request.user, permission=permission, on=day_of(request.user)))
    member = members.filter(pk=member_id).first()
    if member is None:
        raise Http404
    return member


def _redeem(*, request: HttpRequest, member: Member, currency: PointCurrency, key: uuid.UUID, **asked: Any) -> Any:
    return redeeming.redeem(
        member_id=member.pk,
        currency_id=currency.pk,
        caller=redeeming.STAFF,
        reference=str(key),
        at=moment_of(request.user),
        actor=actor(request),
        **asked,
    )


def points_tab(member: Member, currency: PointCurrency) -> str:
    """Return the address of the member's page where it shows his purse."""
    page = reverse("admin:members_member_change", args=[member.pk])
    return f"{page}?tab=points&currency={currency.pk}"
