"""Changing where the bank reaches the member: the new number or address, then the code that came there."""

import uuid

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access.signing_in import day_of, moment_of
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members import contacting, verifying
from members.details import LONGEST_CONTACT
from members.models import Member
from portal.joining import CodeForm, messages_file
from portal.security import guarded, shown

WAITING = "contact_code"


class ContactForm(forms.Form):
    """The new mobile number or mail address."""

    contact = forms.CharField(
        label=_("New mobile number or e-mail address"),
        max_length=LONGEST_CONTACT,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=_("We send a code to it. The number or address that you had is told."),
    )


@guarded
def change(request: HttpRequest, *, member: Member | None) -> HttpResponse:
    """Ask for the new contact and send a code to it."""
    if member is None or not hasattr(member, "person"):
        return redirect("security:index")
    form = ContactForm(request.POST or None)
    if form.is_valid():
        to = form.cleaned_data["contact"]
        try:
            code = transactions.commit(
                contacting.ask,
                member=member,
                kind="email" if "@" in to else "phone",
                to=to,
                today=day_of(request.user),
                at=moment_of(request.user),
                actor=actor(request),
            )
        except Refusal as refusal:
            form.add_error("contact", str(refusal))
        else:
            request.session[WAITING] = str(code.pk)
            return redirect("security:contact_code")
    return shown(request, "contact", member, form=form, person=member.person)


@guarded
def enter(request: HttpRequest, *, member: Member | None) -> HttpResponse:
    """Ask for the code that came to the new contact; change it."""
    waiting = request.session.get(WAITING)
    if member is None or waiting is None:
        return redirect("security:contact")
    form = CodeForm(request.POST or None)
    if form.is_valid():
        if transactions.commit(
            contacting.confirm,
            member=member,
            code_id=uuid.UUID(waiting),
            given=form.cleaned_data["code"],
            at=moment_of(request.user),
            actor=actor(request),
        ):
            del request.session[WAITING]
            return redirect(f"{reverse('security:index')}?done=contact")
        form.add_error("code", str(verifying.CodeRefused()))
    return shown(request, "contact_code", member, form=form, messages_file=messages_file())
