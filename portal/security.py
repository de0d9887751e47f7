"""Everybody's own sign-in, members' and staff's: second factors, passkeys, the password, and where one is signed in."""

import datetime
import functools
from collections.abc import Callable
from typing import Any

from allauth.core import ratelimit
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import clear_totp_secret, get_totp_secret
from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from foundation import transactions
from foundation.access import ending, passwords, second_factors, signing_in, staying, stepping_up
from foundation.access.models import SignIn
from foundation.access.second_factors import APP, PASSKEY
from foundation.access.signing_in import moment_of
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members.models import Member
from portal.joining import CodeForm

MOST_SIGN_INS = 20
DONE = {
    "password": _("Your password is changed; every other device is signed out."),
    "removed": _("It is removed."),
    "ended": _("That device is signed out."),
    "others": _("Every other device is signed out."),
    "contact": _("Your contact is changed."),
}


def own(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Give a view whoever is signed in, `member` where he is one; nobody keeps its answers."""

    @never_cache
    @sensitive_post_parameters()
    @login_required
    @require_http_methods(["GET", "HEAD", "POST"])
    @functools.wraps(view)
    def page(request: HttpRequest, **arguments: Any) -> HttpResponse:
        member = Member.objects.select_related("branch", "person").filter(user=request.user).first()
        return view(request, member=member, **arguments)

    return page


def guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Do as `own`, after a fresh proof: for what one signs in with. Who has no second factor yet and must have one gives none."""

    @own
    @functools.wraps(view)
    def page(request: HttpRequest, **arguments: Any) -> HttpResponse:
        is_first = request.user.is_staff and not request.user.has_factor
        asked = stepping_up.is_asked(request, for_what=stepping_up.CONTACT, at=moment_of(request.user))
        if asked and not is_first:
            following = request.get_full_path() if request.method == "GET" else reverse("security:index")
            return stepping_up.confirm_first(following)
        return view(request, **arguments)

    return page


def following_of(request: HttpRequest) -> str:
    """Return the address of ours that a page was asked to lead to; the start page where it is none of ours."""
    following = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(following, {request.get_host()}, request.is_secure())
    return following if is_ours else reverse("admin:index" if request.user.is_staff else "portal:home")


def shown(request: HttpRequest, template: str, member: Member | None, status: int = 200, **more: Any) -> HttpResponse:
    """Render a page of everybody's own: in the portal's frame for a member, with the way back for staff."""
    base = "portal/base.html" if member and not request.user.is_staff else "base.html"
    return render(
        request, f"security/{template}.html", {"base": base, "door": "me", "member": member, **more}, status=status
    )


@own
def index(request: HttpRequest, *, member: Member | None) -> HttpResponse:
    """Show what one signs in with and where one is signed in; each of it can be changed or ended."""
    factors = list(Authenticator.objects.filter(user=request.user).order_by("created_at", "id"))
    idle = datetime.timedelta(minutes=staying.minutes_of(request.user)[0])
    live = SignIn.objects.live(at=moment_of(request.user), idle=idle).filter(user=request.user)
    kept = request.session.get(signing_in.KEPT) or {}
    return shown(
        request,
        "index",
        member,
        app=next((factor for factor in factors if factor.type == APP), None),
        passkeys=[(factor, factor.wrap().name) for factor in factors if factor.type == PASSKEY],
        recovery_codes_left=second_factors.recovery_codes_left(request.user) if request.user.has_factor else None,
        sign_ins=live.select_related("device").order_by("-seen_at", "-id")[:MOST_SIGN_INS],
        present=kept.get("id"),
        person=getattr(member, "person", None),
        done=DONE.get(request.GET.get("done", "")),
        refused=request.session.pop("security_refused", ""),
    )


@own
def begin(request: HttpRequest, *, member: Member | None) -> HttpResponse:
    """Tell staff who have no second factor that they need one, and offer both kinds."""
    if request.user.has_factor:
        return redirect(following_of(request))
    return shown(request, "begin", member, next=following_of(request))


@guarded
def add_app(request: HttpRequest, *, member: Member | None) -> HttpResponse:
    """Show the secret of an authenticator app as a picture and as text; keep it once a code proves that the app has it."""
    form, secret = CodeForm(request.POST or None), get_totp_secret()
    if form.is_valid():
        try:
            codes = transactions.commit(
                second_factors.add_app, secret=secret, given=form.cleaned_data["code"], **_trail(request)
            )
        except Refusal as refusal:
            form.add_error("code", str(refusal))
        else:
            clear_totp_secret(request)
            return added(request, member, codes)
    address = get_adapter().build_totp_url(request.user, secret)
    picture = get_adapter().build_totp_svg(address).partition("?>")[2]
    spaced = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return shown(
        request,
        "app",
        member,
        form=form,
        # Drawn by us from figures, nothing of it is anybody's text.
        picture=mark_safe(picture),  # noqa: S308  # nosec B308 B703
        secret=spaced,
        address=address,
        next=following_of(request),
    )


@guarded
def renew_codes(request: HttpRequest, *, member: Member | None) -> HttpResponse:
    """Ask, then make new recovery codes and show them this once."""
    if request.method != "POST":
        return shown(request, "renew", member)
    try:
        codes = transactions.commit(second_factors.renew_recovery_codes, **_trail(request))
    except Refusal as refusal:
        return _back(request, refusal)
    return shown(request, "codes", member, codes=codes, next=reverse("security:index"))


@guarded
def remove(request: HttpRequest, *, member: Member | None, factor_id: int) -> HttpResponse:
    """Remove an authenticator app or a passkey."""
    if request.method == "POST":
        try:
            transactions.commit(second_factors.remove, factor_id=factor_id, **_trail(request))
        except Refusal as refusal:
            return _back(request, refusal)
    return redirect(f"{reverse('security:index')}?done=removed")


class PasswordForm(forms.Form):
    """The password that there is, where there is one, and the new one."""

    current = forms.CharField(
        label=_("Present password"),
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label=_("New password"),
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Eight characters at least, not a common one."),
    )


@guarded
def password(request: HttpRequest, *, member: Member | None) -> HttpResponse:
    """Change the password; every other session ends, this one goes on."""
    form = PasswordForm(request.POST or None)
    if not request.user.has_usable_password():
        del form.fields["current"]
    if form.is_valid():
        if not ratelimit.consume(request, action="change_password", user=request.user):
            return render(request, "429.html", status=429)
        try:
            transactions.commit(
                passwords.change,
                current=form.cleaned_data.get("current", ""),
                new=form.cleaned_data["new"],
                **_trail(request),
            )
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else "new", str(refusal))
        else:
            signing_in.stay(request, request.user)
            return redirect(f"{reverse('security:index')}?done=password")
    return shown(request, "password", member, form=form)


@own
def end(request: HttpRequest, *, member: Member | None, sign_in_id: int) -> HttpResponse:
    """Sign one device out."""
    if request.method == "POST":
        try:
            transactions.commit(ending.end_one, sign_in_id=sign_in_id, **_trail(request))
        except Refusal as refusal:
            return _back(request, refusal)
    return redirect(f"{reverse('security:index')}?done=ended")


@own
def end_others(request: HttpRequest, *, member: Member | None) -> HttpResponse:
    """Sign every other device out, and every app."""
    if request.method == "POST":
        transactions.commit(ending.end_every_one, **_trail(request))
        signing_in.stay(request, request.user)
    return redirect(f"{reverse('security:index')}?done=others")


def added(request: HttpRequest, member: Member | None, codes: list[str]) -> HttpResponse:
    """Go on after a factor was added: with the recovery codes, shown this once, where it was the first."""
    signing_in.stay(request, request.user)
    stepping_up.proved(request.session, by_factor=True, at=moment_of(request.user))
    following = following_of(request)
    return shown(request, "codes", member, codes=codes, next=following) if codes else redirect(following)


def _trail(request: HttpRequest) -> dict[str, Any]:
    return {"user": request.user, "at": moment_of(request.user), "actor": actor(request)}


def _back(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Lead back to the page, which says the refusal once."""
    request.session["security_refused"] = str(refusal)
    return redirect("security:index")
