"""Passkeys: what the browser is asked for, as JSON for passkeys.js, and what it answers: a new one, a sign-in, a proof."""

import json
from typing import Any

from allauth.account.models import Login
from allauth.core import ratelimit
from allauth.mfa.webauthn.forms import AddWebAuthnForm, LoginWebAuthnForm, ReauthenticateWebAuthnForm
from allauth.mfa.webauthn.internal import auth
from allauth.mfa.webauthn.internal.flows import perform_passwordless_login
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from foundation import transactions
from foundation.access import second_factors, stepping_up
from foundation.access.models import User
from foundation.access.signing_in import moment_of
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members.models import Member
from portal import security
from portal.security import following_of, guarded, own, shown

REFUSED = _("This passkey could not be used. Try again, or sign in another way.")


class NameForm(forms.Form):
    """What a passkey is called in the list."""

    name = forms.CharField(
        label=_("Name"),
        max_length=second_factors.LONGEST_NAME,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("So that you know it again, such as “my phone”."),
    )


@guarded
def add(request: HttpRequest, *, member: Member | None) -> HttpResponse:
    """Ask for a name, let the browser make a passkey, and keep it once it is verified."""
    form, refused = NameForm(request.POST or None), ""
    if form.is_valid():
        given = AddWebAuthnForm(_credential(request) | {"passwordless": "on"}, user=request.user)
        if is_right(given):
            try:
                codes = transactions.commit(
                    second_factors.add_passkey,
                    user=request.user,
                    name=form.cleaned_data["name"] or str(_("Passkey")),
                    credential=given.cleaned_data["credential"],
                    at=moment_of(request.user),
                    actor=actor(request),
                )
            except Refusal as refusal:
                refused = str(refusal)
            else:
                return security.added(request, member, codes)
        else:
            refused = str(REFUSED)
    return shown(request, "passkey", member, form=form, refused=refused, next=following_of(request))


@guarded
def options_to_add(request: HttpRequest, *, member: Member | None) -> HttpResponse:
    """Give what the browser needs to make a passkey."""
    return _options(auth.begin_registration(request.user, True))


@own
def options_to_confirm(request: HttpRequest, *, member: Member | None) -> HttpResponse:
    """Give what the browser needs to show one of the user's passkeys."""
    return options_for(request.user)


def options_for(user: User) -> HttpResponse:
    """Give what the browser needs to show one of a user's passkeys."""
    return _options(auth.begin_authentication(user))


@never_cache
@require_GET
def options_to_sign_in(request: HttpRequest) -> HttpResponse:
    """Give what the browser needs to show any passkey of this site; nobody is named."""
    if refused := ratelimit.consume_or_429(request, action="login", limit_get=True):
        return refused
    return _options(auth.begin_authentication(None))


@never_cache
@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in whose passkey was shown; whoever is unknown, shut out or wrong gets the same answer."""
    if refused := ratelimit.consume_or_429(request, action="login"):
        return refused
    form = LoginWebAuthnForm(_credential(request))
    if not request.user.is_authenticated and is_right(form):
        factor = form.cleaned_data["credential"]
        if factor.user.is_active:
            following = request.POST.get("next", "")
            then = following if following and following_of(request) == following else None
            return perform_passwordless_login(request, factor, Login(user=factor.user, redirect_url=then))
    return render(request, "portal/passkey_refused.html", {"refused": REFUSED}, status=422)


def confirms(request: HttpRequest) -> bool:
    """Tell whether the request carries a passkey of the signed-in user's; keep it in the session as a fresh second factor."""
    form = ReauthenticateWebAuthnForm(_credential(request), user=request.user)
    if not is_right(form):
        return False
    form.save()
    stepping_up.proved(request.session, by_factor=True, at=moment_of(request.user))
    return True


def is_right(form: forms.Form) -> bool:
    """Tell whether a form with a credential is right; what is no credential at all is not, whatever it is instead."""
    try:
        return form.is_valid()
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        # The library reads an attacker's text as it comes.
        return False


def _credential(request: HttpRequest) -> dict[str, Any]:
    text = request.POST.get("credential", "")
    return {"credential": text if len(text) < 20_000 and "\0" not in text else ""}


def _options(options: dict[str, Any]) -> HttpResponse:
    return JsonResponse({"options": json.loads(json.dumps(options, default=dict))})
