"""Using points on the member's own pages, or the family's: how many, what they are worth and what is left, done; and taking it back."""

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from foundation import transactions
from foundation.access import stepping_up
from foundation.access.signing_in import day_of, moment_of
from foundation.jobs.models import Bank
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members.models import Member
from points import pooling, redeeming, restoring
from points.entering import PayForm, UseForm
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
    if stepping_up.is_asked(request, for_what=stepping_up.SPEND, at=moment_of(request.user)):
        return stepping_up.confirm_first(request.get_full_path())
    purse = purses.read(member, currency, today=day_of(request.user), money=Bank.objects.get().currency)
    left = pooling.left(member_id=member.pk, currency_id=currency.pk, today=day_of(request.user))
    # Who has chosen the family's points never pays with his own, also where none of the right is left meanwhile.
    form = (PayForm if left or "pay_from" in request.POST else UseForm)(
        request.POST or None, initial={"key": uuid.uuid4(), "pay_from": request.GET.get("pay_from", "own")}
    )
    asked = dict(form.cleaned_data) if form.is_valid() else None
    by_family = bool(asked) and asked.pop("pay_from", "own") == "family"
    available = left if by_family else purse.balance.available
    if asked and "confirmed" in request.POST:
        try:
            at = moment_of(request.user)
            stepping_up.demand(request, for_what=stepping_up.SPEND, at=at, points=asked["points"])
            made = transactions.commit(
                pooling.redeem if by_family else redeeming.redeem,
                member_id=member.pk,
                currency_id=currency.pk,
                points=asked["points"],
                caller=redeeming.MEMBER,
                reference=str(asked["key"]),
                purpose=PURPOSE,
                at=at,
                actor=actor(request),
            )
        except Refusal as refusal:
            form.add_error("points", str(refusal))
        else:
            if by_family:
                return redirect(f"{reverse('portal:family')}?done=used")
            return redirect("portal:entry", code=currency.code, number=made.redemption.entry_number)
    elif asked and asked["points"] > available:
        form.add_error("points", str(pooling.PoolLimitExceeded() if by_family else redeeming.InsufficientPoints()))
    asked = None if form.errors else asked
    shown: dict[str, Any] = {"door": "points", "currency": currency, "purse": purse, "form": form, "asked": asked}
    shown |= {"left": left, "by_family": by_family, "available": available}
    if asked:
        worth = None if currency.worth_minor is None else int(asked["points"] * currency.worth_minor)
        shown |= {"after": available - asked["points"], "worth_minor": worth}
    return render(request, "portal/use.html", shown)


@member_form
def give_back(request: HttpRequest, *, member: Member, code: str, number: int) -> HttpResponse:
    """Show what would come back and until when it can be used; cancel what the member chose himself."""
    currency = _spendable(code)
    own = Redemption.objects.made_by(redeeming.MEMBER).filter(member=member, for_member=None, currency=currency)
    redemption = get_object_or_404(own, entry_number=number)
    back = reverse("portal:entry", kwargs={"code": currency.code, "number": number})
    return _give_back(request, redemption, back=back, done=back)


@member_form
def give_family_back(request: HttpRequest, *, member: Member, redemption_id: uuid.UUID) -> HttpResponse:
    """Show what would come back to the head of the family; cancel what the member chose himself."""
    own = Redemption.objects.made_by(redeeming.MEMBER).filter(for_member=member).select_related("currency")
    redemption = get_object_or_404(own, pk=redemption_id)
    back = reverse("portal:family")
    return _give_back(request, redemption, back=back, done=f"{back}?done=given_back")


def _give_back(request: HttpRequest, redemption: Redemption, *, back: str, done: str) -> HttpResponse:
    at, refused = moment_of(request.user), ""
    if request.method == "POST":
        try:
            transactions.commit(
                restoring.cancel, redemption=redemption, within=restoring.WINDOW, at=at, actor=actor(request)
            )
        except Refusal as refusal:
            refused = str(refusal)
        else:
            return redirect(done)
    shown = {
        "door": "points",
        "back": back,
        "redemption": redemption,
        "is_open": restoring.is_open(redemption, at=at),
        "today": day_of(request.user),
        "returning": restoring.returning(redemption, today=day_of(request.user)),
        "refused": refused,
        "never": NEVER,
    }
    return render(request, "portal/give_back.html", shown)


def _spendable(code: str) -> PointCurrency:
    currency = currency_of(code)
    if currency.kind != PointCurrency.Kind.REWARD:
        raise Http404
    return currency
