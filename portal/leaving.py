"""Closing one's membership: what is lost is said first; then a day to think it over, and one tap to stay."""

import contextlib

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from foundation import transactions
from foundation.access.signing_in import day_of, moment_of
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members import leaving
from members.models import Member
from members.states import LEAVE
from points import summaries
from points.models import PointCurrency
from portal.views import member_form
from tiers import standings


class LeaveForm(forms.Form):
    """That he has read what is lost."""

    understood = forms.BooleanField(
        label=_("I have read what I lose, and want to close my membership."),
        error_messages={"required": _("Tick that you have read what you lose.")},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@member_form
def leave(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Show what the member would lose, his points and his tiers; note that he wants to leave."""
    form, refusal = LeaveForm(request.POST if request.method == "POST" else None), None
    if request.method == "POST" and form.is_valid():
        try:
            transactions.commit(leaving.ask_to_leave, member=member, at=moment_of(request.user), actor=actor(request))
        except Refusal as error:
            refusal = error
        else:
            return redirect("portal:leave")
    today = day_of(request.user)
    balances = summaries.balances(member_ids=[member.pk], today=today)
    currencies = PointCurrency.objects.filter(kind=PointCurrency.Kind.REWARD).in_bulk()
    lost = [
        (currencies[currency_id], balance.available + balance.pending)
        for (_member, currency_id), balance in sorted(balances.items())
        if currency_id in currencies and balance.available + balance.pending
    ]
    stood = standings.at(member_id=member.pk, day=member.last_closed or today)
    shown = {
        "door": "me",
        "member": member,
        "lost": lost,
        "tiers": [one for one in stood if one.tier.rank],
        "may_leave": member.state in LEAVE.origins,
        "form": form,
        "refusal": refusal,
    }
    return render(request, "portal/leave.html", shown, status=refusal.status if refusal else 200)


@require_POST
@member_form
def stay(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Take it back."""
    # Who sends it twice stays already.
    with contextlib.suppress(leaving.NotLeaving):
        transactions.commit(leaving.stay, member=member, at=moment_of(request.user), actor=actor(request))
    return redirect("portal:me")
