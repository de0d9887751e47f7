"""Freezing a member's points in the console, and thawing them: at once, or, what compliance froze, by a request."""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access.signing_in import moment_of
from foundation.approvals.models import Request
from foundation.approvals.requesting import LONGEST_REASON
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members.models import Member
from membership_site.counter import points_tab, served
from points import freezing
from points.models import Freeze, PointCurrency

FREEZING = _(
    "Nothing can be redeemed, held or transferred until they are thawed; earning goes on. "
    "The member reads that they are frozen, not why."
)


class ReasonForm(forms.Form):
    """Why; `id` makes a form that is sent twice one request."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(label=_("reason"), max_length=LONGEST_REASON)


def addresses(view: Callable[..., Any]) -> list[URLPattern]:
    """Return the addresses of these pages, each behind the console's door."""
    return [
        path("members/member/<int:member_id>/freeze/<slug:code>/", view(freeze), name="members_member_freeze"),
        path("members/member/<int:member_id>/thaw/<slug:code>/", view(thaw), name="members_member_thaw"),
    ]


def freeze(request: HttpRequest, member_id: int, code: str) -> HttpResponse:
    """Ask why, and freeze one purse of a member."""
    member, currency = _purse(request, member_id, code, permission=freezing.MAY_FREEZE)
    return _page(
        request,
        member,
        currency,
        verb=freezing.freeze,
        title=_("Freeze points"),
        done=_("Frozen: nothing can be redeemed, held or transferred."),
        sentence=FREEZING,
    )


def thaw(request: HttpRequest, member_id: int, code: str) -> HttpResponse:
    """Ask why, and thaw one purse of a member, or ask another person to, where compliance froze it."""
    member, currency = _purse(request, member_id, code, permission=freezing.MAY_THAW)
    standing = Freeze.objects.standing(member_id=member.pk, currency_id=currency.pk)
    if standing.filter(by_compliance=True).exists():
        title, sentence = _("Ask to thaw points"), _("Compliance froze them: another person of compliance decides.")
        return _page(
            request,
            member,
            currency,
            verb=freezing.ask_to_thaw,
            title=title,
            done=_("Asked for: another person decides."),
            sentence=sentence,
        )
    return _page(
        request,
        member,
        currency,
        verb=freezing.thaw,
        title=_("Thaw points"),
        done=_("Thawed: they can be spent again."),
        sentence=_("They can be redeemed, held and transferred again at once."),
    )


def _purse(request: HttpRequest, member_id: int, code: str, *, permission: str) -> tuple[Member, PointCurrency]:
    """Return the member, whom a posting lets the user serve so, and his currency."""
    member = served(request, member_id, permission=permission)
    return member, get_object_or_404(PointCurrency, code=code, kind=PointCurrency.Kind.REWARD)


def _page(
    request: HttpRequest,
    member: Member,
    currency: PointCurrency,
    *,
    verb: Callable[..., Any],
    title: Any,
    done: Any,
    sentence: Any,
) -> HttpResponse:
    """Show the form of a verb, or run it and go where what it did is seen."""
    form = ReasonForm(request.POST or None, initial={"id": uuid.uuid4()})
    if request.method == "POST" and form.is_valid():
        said = {"reason": form.cleaned_data["reason"], "at": moment_of(request.user), "actor": actor(request)}
        if verb is freezing.ask_to_thaw:
            said["id"] = form.cleaned_data["id"]
        try:
            made = transactions.commit(verb, member=member, currency=currency, **said)
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            messages.success(request, done)
            if isinstance(made, Request):
                return redirect("admin:approvals_request_change", made.pk)
            return redirect(points_tab(member, currency))
    person = getattr(member, "person", None)
    who = " ".join(filter(None, (member.number, person.masked_name if person else "", "·", str(currency))))
    return site.page(request, "admin/form.html", title=title, form=form, opts=Member._meta, sentences=[who, sentence])
