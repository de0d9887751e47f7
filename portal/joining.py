"""Becoming a member before the portal: details, the code that was sent, what is agreed to; then the member's own pages.

What a browser has shown to be its own stands in its session: which code it waits for, and, once that came back, which enrolment.
"""

import dataclasses
import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from foundation import periods, transactions
from foundation.access import signing_in
from foundation.jobs import clock
from foundation.refusals import Refusal
from foundation.web.fields import Day
from foundation.web.requests import actor
from members import accepting, consents, joining, verifying
from members.consent_texts import Channel
from members.consents import Choice
from members.details import LONGEST_CONTACT, SENTENCES, Details
from members.models import Enrolment, OneTimeCode

# In the session: the code that is waited for, how it was sent and where to, masked; the enrolment whose code came back.
WAITING, VERIFIED = "joining_code", "joining_enrolment"


class DetailsForm(forms.Form):
    """Who joins: a name and a phone number, or a mail address instead; the rest as he likes."""

    full_name = forms.CharField(
        label=_("Full name"),
        max_length=400,
        widget=forms.TextInput(attrs={"autocomplete": "name", "autocapitalize": "words"}),
        error_messages={"required": SENTENCES["name_needed"]},
    )
    phone = forms.CharField(
        label=_("Mobile number"),
        max_length=LONGEST_CONTACT,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"}),
        help_text=_("We send a code to it. From abroad with + and the country code."),
    )
    email = forms.CharField(
        label=_("E-mail address"),
        max_length=LONGEST_CONTACT,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "email", "inputmode": "email", "autocapitalize": "none"}),
        help_text=_("Instead of a mobile number: then we send a link."),
    )
    birth_date = forms.DateField(label=_("Date of birth"), required=False, widget=Day)
    national_id = forms.CharField(
        label=_("Document number"),
        max_length=LONGEST_CONTACT,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
        help_text=_("Resident identity card, permit or passport. It finds what the bank knows of you already."),
    )

    def clean(self) -> dict[str, Any]:
        """Bring what was typed into one form, and say every fault at its field."""
        typed = {"language": get_language() or "en"} | {name: value for name, value in super().clean().items() if value}
        parts = {field.name for field in dataclasses.fields(Details)}
        self.details = Details.of(**({"full_name": ""} | {name: typed[name] for name in typed.keys() & parts}))
        for field, code in self.details.faults(today=clock.today()).items():
            if field not in self.errors:
                self.add_error(field, str(SENTENCES[code]))
        return self.cleaned_data


class CodeForm(forms.Form):
    """The code that came."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "class": "digits"}),
    )


class ReferenceForm(forms.Form):
    """The reference of an enrolment that was begun elsewhere."""

    reference = forms.CharField(
        label=_("Reference"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
        help_text=_("Eight letters and figures, from the message that we sent you."),
    )


def newcomer(view):
    """Let a view be for those who have not signed in; nobody keeps its answers."""

    @never_cache
    @sensitive_post_parameters()
    @require_http_methods(["GET", "HEAD", "POST"])
    def page(request: HttpRequest, **arguments: Any) -> HttpResponse:
        return redirect("portal:home") if request.user.is_authenticated else view(request, **arguments)

    return page


@newcomer
def begin(request: HttpRequest) -> HttpResponse:
    """Ask for the details; send the code."""
    form = DetailsForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        at, is_phone = clock.now(), bool(form.details.phone)
        try:
            enrolment = transactions.commit(
                joining.begin,
                details=form.details,
                via=Enrolment.Via.SMS if is_phone else Enrolment.Via.MAIL,
                form=OneTimeCode.Form.DIGITS if is_phone else OneTimeCode.Form.LINK,
                channel=Channel.PORTAL,
                today=periods.day_of(at),
                at=at,
                actor=actor(request),
            )
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            _wait(request, enrolment.codes.get(), enrolment)
            return redirect("portal:join_code")
    opened = any(form.errors.get(name) for name in ("email", "birth_date", "national_id")) or not form.is_bound
    return render(request, "portal/join.html", {"form": form, "opened": form.is_bound and opened})


@newcomer
def code(request: HttpRequest) -> HttpResponse:
    """Ask for the code; or send another (`again`)."""
    waiting = request.session.get(WAITING)
    if waiting is None:
        return redirect("portal:join")
    form = CodeForm(None if "again" in request.POST else request.POST or None)
    refused = ""
    if "again" in request.POST:
        refused = _send_again(request, waiting)
        if not refused:
            return redirect("portal:join_code")
    elif form.is_valid():
        if _is_verified(request, uuid.UUID(waiting["code"]), form.cleaned_data["code"]):
            return redirect("portal:join_agree")
        form.add_error("code", str(verifying.CodeRefused()))
    shown = {"form": form, "waiting": waiting, "refused": refused, "messages_file": messages_file()}
    return render(request, "portal/join_code.html", shown)


@newcomer
def link(request: HttpRequest, *, code_id: uuid.UUID, secret: str) -> HttpResponse:
    """Ask whoever opens a link to go on: opening alone uses nothing, since mail programs open links by themselves."""
    refused = ""
    if request.method == "POST":
        if _is_verified(request, code_id, secret):
            return redirect("portal:join_agree")
        refused = str(joining.EnrolmentNotOpen())
    return render(request, "portal/join_link.html", {"refused": refused})


@newcomer
def agree(request: HttpRequest) -> HttpResponse:
    """Ask for the consents and, if he likes, a password; make the member, and let him in."""
    enrolment = Enrolment.objects.filter(pk=request.session.get(VERIFIED), state=Enrolment.State.VERIFIED).first()
    if enrolment is None:
        return redirect("portal:join")
    at = clock.now()
    texts, refusal = consents.asked(on=periods.day_of(at)), None
    if request.method == "POST":
        try:
            member = transactions.commit(
                accepting.accept,
                enrolment_id=enrolment.pk,
                choices=chosen(request, texts),
                password=request.POST.get("password", "")[:200],
                channel=Channel.PORTAL,
                today=periods.day_of(at),
                at=at,
                actor=actor(request),
            )
        except Refusal as error:
            refusal = error
        else:
            return signing_in.let_in(request, member.user, by="code", then=reverse("portal:home"))
    ticked = [text.purpose for text in texts if request.POST.get(text.purpose)]
    return render(request, "portal/join_agree.html", {"texts": texts, "ticked": ticked, "refusal": refusal})


@newcomer
def resume(request: HttpRequest) -> HttpResponse:
    """Ask for the reference of what was begun elsewhere; a code goes to whoever began it."""
    form = ReferenceForm(request.POST or None)
    if form.is_valid():
        try:
            made = transactions.commit(
                joining.resume, reference=form.cleaned_data["reference"], at=clock.now(), actor=actor(request)
            )
        except Refusal as refusal:
            form.add_error("reference", str(refusal))
        else:
            _wait(request, made, None)
            return redirect("portal:join_code")
    return render(request, "portal/join_resume.html", {"form": form})


def chosen(request: HttpRequest, texts: list) -> list[Choice]:
    """Return the yeses that were ticked: the box of a purpose carries the version that was shown."""
    ticked = {text.purpose: request.POST.get(text.purpose, "") for text in texts}
    return [
        Choice(purpose=purpose, version=int(version) if version.isdecimal() and len(version) < 6 else 0, given=True)
        for purpose, version in ticked.items()
        if version
    ]


def messages_file() -> str:
    """Return where a demonstration's messages lie, to be told on its pages; nothing on a real site."""
    return settings.MESSAGES_FILE if settings.SITE_ENV == "local" and settings.MESSAGES_PROVIDER == "file" else ""


def _wait(request: HttpRequest, made: OneTimeCode, enrolment: Enrolment | None) -> None:
    request.session[WAITING] = {
        "code": str(made.pk),
        "enrolment": str(enrolment.pk) if enrolment else "",
        "is_link": made.form == OneTimeCode.Form.LINK,
        "to": enrolment.masked_contact if enrolment else "",
        "reference": enrolment.reference if enrolment else "",
    }


def _send_again(request: HttpRequest, waiting: dict[str, Any]) -> str:
    """Send another code of the enrolment; return why not, where it is not sent."""
    if not waiting["enrolment"]:
        return str(joining.EnrolmentNotOpen())
    form = OneTimeCode.Form.LINK if waiting["is_link"] else OneTimeCode.Form.DIGITS
    try:
        made = transactions.commit(
            joining.send_again,
            enrolment_id=uuid.UUID(waiting["enrolment"]),
            form=form,
            at=clock.now(),
            actor=actor(request),
        )
    except Refusal as refusal:
        return str(refusal)
    request.session[WAITING] = waiting | {"code": str(made.pk), "again": True}
    return ""


def _is_verified(request: HttpRequest, code_id: uuid.UUID, given: str) -> bool:
    found = transactions.commit(joining.verify, code_id=code_id, given=given, at=clock.now(), actor=actor(request))
    if found is None:
        return False
    # A session that was planted before is not the one that goes on.
    request.session.cycle_key()
    request.session.pop(WAITING, None)
    request.session[VERIFIED] = str(found.pk)
    return True
