"""Confirming who is there, where something asks for more than having signed in: by a second factor, else by a code, else by a password."""

import uuid

from allauth.core import ratelimit
from allauth.mfa.models import Authenticator
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access import second_factors, stepping_up
from foundation.access.passwords import WrongPassword
from foundation.access.second_factors import APP, PASSKEY
from foundation.access.signing_in import is_known, moment_of
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members import verifying
from members.models import Member, OneTimeCode
from portal import passkeys
from portal.joining import CodeForm, messages_file
from portal.second_step import demo_code
from portal.security import following_of, own, shown

FACTOR, CODE, PASSWORD = "factor", "code", "password"
WAITING = "confirming_code"


class PasswordForm(forms.Form):
    """The password, from who has nothing else to show."""

    code = forms.CharField(
        label=_("Password"),
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


@own
def confirm(request: HttpRequest, *, member: Member | None) -> HttpResponse:
    """Ask for a proof, and lead on once it was given; a code is sent when it is asked for (`send`)."""
    way = way_of(request, member)
    if way == CODE and "send" in request.POST:
        return _send(request, member)
    if way == FACTOR and "credential" in request.POST:
        if passkeys.confirms(request):
            return redirect(following_of(request))
        return _page(request, member, way, CodeForm(), refused=str(passkeys.REFUSED))
    form = (PasswordForm if way == PASSWORD else CodeForm)(request.POST or None)
    if form.is_valid():
        if way == PASSWORD and not ratelimit.consume(request, action="change_password", user=request.user):
            return render(request, "429.html", status=429)
        if refused := _refused(request, member, way, form.cleaned_data["code"]):
            form.add_error("code", refused)
        else:
            stepping_up.proved(request.session, by_factor=way == FACTOR, at=moment_of(request.user))
            return redirect(following_of(request))
    return _page(request, member, way, form)


def way_of(request: HttpRequest, member: Member | None) -> str:
    """Return how the user proves who he is: the strongest that he has."""
    if request.user.has_factor:
        return FACTOR
    person = getattr(member, "person", None)
    return CODE if person and (person.phone_hash or person.email_hash) else PASSWORD


def _refused(request: HttpRequest, member: Member | None, way: str, given: str) -> str:
    """Try what was given; return why it is refused, or nothing."""
    user, at = request.user, moment_of(request.user)
    if way == FACTOR:
        known = is_known(request, user)
        factor = transactions.commit(second_factors.try_code, user=user, given=given, from_known=known, at=at)
        return "" if factor else str(second_factors.FactorCodeRefused())
    if way == PASSWORD:
        return "" if user.check_password(given) else str(WrongPassword())
    waiting = request.session.get(WAITING)
    used = waiting and transactions.commit(
        verifying.use,
        code_id=uuid.UUID(waiting),
        given=given,
        purposes=[OneTimeCode.Purpose.CONFIRM],
        at=at,
        actor=actor(request),
    )
    if not used or member is None or used.member_id != member.pk:
        return str(verifying.CodeRefused())
    del request.session[WAITING]
    return ""


def _send(request: HttpRequest, member: Member | None) -> HttpResponse:
    try:
        code = transactions.commit(
            verifying.send_for_confirming, member=member, at=moment_of(request.user), actor=actor(request)
        )
    except Refusal as refusal:
        return _page(request, member, CODE, CodeForm(), refused=str(refusal))
    request.session[WAITING] = str(code.pk)
    return _page(request, member, CODE, CodeForm())


def _page(
    request: HttpRequest, member: Member | None, way: str, form: forms.Form, *, refused: str = ""
) -> HttpResponse:
    types = set()
    if way == FACTOR:
        types = set(Authenticator.objects.filter(user=request.user).values_list("type", flat=True))
    waiting = request.session.get(WAITING) if way == CODE else None
    if way == CODE and not waiting and form.errors:
        # No field stands there for it to stand beside.
        refused = str(verifying.CodeRefused())
    return shown(
        request,
        "confirm",
        member,
        way=way,
        form=form,
        refused=refused,
        next=following_of(request),
        has_app=APP in types,
        has_passkey=PASSKEY in types,
        waiting=waiting,
        demo_code=demo_code(request.user) if way == FACTOR else "",
        messages_file=messages_file(),
        # Where a code goes is said masked.
        to=member.person.masked_phone if way == CODE and member and member.person.phone_hash else "",
    )
