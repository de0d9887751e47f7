"""Using points on the member's own pages: how many, what they are worth and what is left, done; and taking it back."""

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from foundation import transactions
from foundation.access.signing_in import day_of, moment_of
from foundation.jobs.models import Bank
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members.models import Member
from points import redeeming, restoring
from points.entering import UseForm
from points.ledger import NEVER
from points.models import PointCurrency, Redemption
from portal import purses
from portal.views import currency_of, member_form

# What a member can choose himself, until there is a shop: money on his account.
PURPOSE = "cash_offset"


@member_form
def use(request: HttpRequest, *, member: Member, code: str) -> HttpResponse:
    """Ask how many points; show what they are worth and what is left; redeem, and show the entry."""
    currency = _spendable(code)
    purse = purses.read(member, currency, today=day_of(request.user), money=Bank.objects.get().currency)
    available = purse.balance.available
    form = UseForm(request.POST or None, initial={"key": uuid.uuid4()})
    asked = dict(form.cleaned_data) if form.is_valid() else None
    if asked and "confirmed" in request.POST:
        try:
            made = transactions.commit(_use, request=request, member=member, currency=currency, **asked)
        except Refusal as refusal:
            form.add_error("points", str(refusal))
        else:
            return redirect("portal:entry", code=currency.code, number=made.redemption.entry_number)
    elif asked and asked["points"] > available:
        form.add_error("points", str(redeeming.InsufficientPoints()))
    asked = None if form.errors else asked
    shown: dict[str, Any] = {"door": "points", "currency": currency, "purse": purse, "form": form, "asked": asked}
    if asked:
        worth = None if currency.worth_minor is None else int(asked["points"] * currency.worth_minor)
        shown |= {"after": available - asked["points"], "worth_minor": worth}
    return render(request, "portal/use.html", shown)


@member_form
def give_back(request: HttpRequest, *, member: Member, code: str, number: int) -> HttpResponse:
    """Show what would come back and until when it can be used; cancel what the member chose himself."""
    currency, at = _spendable(code), moment_of(request.user)
    own = Redemption.objects.made_by(redeeming.MEMBER).filter(member=member, currency=currency)
    redemption = get_object_or_404(own, entry_number=number)
    refused = ""
    if request.method == "POST":
        try:
            transactions.commit(
                restoring.cancel, redemption=redemption, within=restoring.WINDOW, at=at, actor=actor(request)
            )
        except Refusal as refusal:
            refused = str(refusal)
        else:
            return redirect("portal:entry", code=currency.code, number=number)
    shown = {
        "door": "points",
        "currency": currency,
        "redemption": redemption,
        "is_open": restoring.is_open(redemption, at=at),
        "returning": restoring.returning(redemption, today=day_of(request.user)),
        "refused": refused,
        "never": NEVER,
    }
    return render(request, "portal/give_back.html", shown)


def _use(*, request: HttpRequest, member: Member, currency: PointCurrency, points: int, key: uuid.UUID) -> Any:
    return redeeming.redeem(
        member_id=member.pk,
        currency_id=currency.pk,
        points=points,
        caller=redeeming.MEMBER,
        reference=str(key),
        purpose=PURPOSE,
        at=moment_of(request.user),
        actor=actor(request),
    )


def _spendable(code: str) -> PointCurrency:
    currency = currency_of(code)
    if currency.kind != PointCurrency.Kind.REWARD:
        raise Http404
    return currency
