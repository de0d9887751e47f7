"""Signing in by a code to the phone or the mail address that the bank knows; whoever is unknown sees the same pages."""

import uuid

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access import signing_in
from foundation.jobs import clock
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members import verifying
from members.details import LONGEST_CONTACT, SENTENCES, Details
from members.models import OneTimeCode
from portal.joining import CodeForm, messages_file, newcomer

WAITING = "sign_in_code"


class ContactForm(forms.Form):
    """The phone number or mail address that the bank knows."""

    contact = forms.CharField(
        label=_("Mobile number or e-mail address"),
        max_length=LONGEST_CONTACT,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def clean_contact(self) -> tuple[str, str]:
        """Return the kind of contact and the contact in its one form."""
        typed = self.cleaned_data["contact"]
        kind = "email" if "@" in typed else "phone"
        read = Details.of(full_name="–", **{kind: typed})
        if fault := read.faults(today=clock.today()).get(kind):
            raise forms.ValidationError(SENTENCES[fault])
        return kind, getattr(read, kind)


@newcomer
def ask(request: HttpRequest) -> HttpResponse:
    """Ask where the code is to go to; send it where that is a member's."""
    form = ContactForm(request.POST or None)
    if form.is_valid():
        kind, to = form.cleaned_data["contact"]
        try:
            code = transactions.commit(
                verifying.send_for_signing_in, to_kind=kind, to=to, at=clock.now(), actor=actor(request)
            )
        except Refusal as refusal:
            form.add_error("contact", str(refusal))
        else:
            request.session[WAITING] = {"code": str(code.pk), "next": request.POST.get("next", "")}
            return redirect("portal:sign_in_code")
    next_page = request.POST.get("next") or request.GET.get("next", "")
    return render(request, "portal/sign_in_ask.html", {"form": form, "next": next_page})


@newcomer
def enter(request: HttpRequest) -> HttpResponse:
    """Ask for the code; sign in whom it belongs to."""
    waiting = request.session.get(WAITING)
    if waiting is None:
        return redirect("portal:sign_in_by_code")
    form = CodeForm(request.POST or None)
    if form.is_valid():
        code = transactions.commit(
            verifying.use,
            code_id=uuid.UUID(waiting["code"]),
            given=form.cleaned_data["code"],
            purposes=[OneTimeCode.Purpose.SIGN_IN],
            at=clock.now(),
            actor=actor(request),
        )
        if code and code.member and code.member.user and code.member.user.is_active:
            following = waiting["next"]
            is_ours = url_has_allowed_host_and_scheme(following, {request.get_host()}, request.is_secure())
            then = following if is_ours else reverse("portal:home")
            return signing_in.let_in(request, code.member.user, by="code", then=then)
        form.add_error("code", str(verifying.CodeRefused()))
    return render(request, "portal/sign_in_code.html", {"form": form, "messages_file": messages_file()})
