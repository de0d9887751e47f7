"""The member's data: a copy of all of it, how long the bank keeps what, and the wish to be erased.

Who has yet to agree to new terms reaches these pages all the same: his rights over his data don't rest on them.
"""

import uuid
from typing import Any

from django import forms
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from foundation import transactions
from foundation.access.signing_in import day_of, moment_of
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members.consent_texts import Channel
from members.models import Member
from portal.joining import messages_file
from portal.views import unasked
from privacy import barriers, classes, confirming, erasing, exporting
from privacy.keeping import RetentionTerm
from privacy.models import Erasure, Export

CODE = "data_code"
SHOWN = 5
DONE = {
    "asked": _("The copy is being made. It is ready in a few minutes; fetch it here within 24 hours."),
    "sent": _("A code is on its way to you."),
    "waits": _("Your wish is kept, and is fulfilled on its day without your doing anything."),
    "kept": _("You have taken your wish back. Nothing is erased."),
}


class ConfirmForm(forms.Form):
    """His password, or the code that was sent to him."""

    password = forms.CharField(
        label=_("Your password"),
        max_length=128,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label=_("The code that was sent to you"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "class": "digits"}),
    )

    def __init__(self, *arguments: Any, member: Member, **named: Any) -> None:
        super().__init__(*arguments, **named)
        del self.fields["code" if member.user.has_usable_password() else "password"]


class EraseForm(ConfirmForm):
    """A confirmation, and two explicit yes."""

    gives_up_points = forms.BooleanField(label=_("I give up the points that are left."), required=False)
    sure = forms.BooleanField(
        label=_("I want my data to be destroyed. Nobody can bring it back."),
        error_messages={"required": _("Tick this to go on.")},
    )


@require_safe
@unasked
def data(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Show the copies, how long what is kept, and whether an erasure waits."""
    terms = {term.data_class: term for term in RetentionTerm.objects.all()}
    kept = [(one.label, classes.term_in_words(one, terms.get(one.code))) for one in classes.CLASSES.values()]
    shown = {
        "door": "me",
        "exports": Export.objects.filter(member=member).order_by("-asked_at")[:SHOWN],
        "now": moment_of(request.user),
        "kept": kept,
        "waiting": Erasure.objects.filter(member=member, state=Erasure.State.WAITING).first(),
        "done": DONE.get(request.GET.get("done", "")),
        "refused": request.session.pop("data_refused", ""),
    }
    return render(request, "portal/my_data.html", shown)


@require_POST
@unasked
def copy(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Ask for a copy."""
    asked = {"member": member, "channel": Channel.PORTAL, "language": get_language() or "en"}
    return _done(request, exporting.ask, "asked", **asked)


@require_POST
@unasked
def send_code(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Send the code that a member without a password confirms by, and go back to what asked for it."""
    back = request.POST.get("back", "")
    try:
        code = transactions.commit(
            confirming.send_code, member=member, at=moment_of(request.user), actor=actor(request)
        )
    except Refusal as refusal:
        request.session["data_refused"] = str(refusal)
        return redirect("portal:data")
    request.session[CODE] = str(code.pk)
    if back == "erase":
        return redirect("portal:erase")
    found = Export.objects.filter(member=member, pk=back).first() if _is_uuid(back) else None
    return redirect("portal:data_fetch", export_id=found.pk) if found else redirect("portal:data")


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@unasked
def fetch(request: HttpRequest, *, member: Member, export_id: uuid.UUID) -> HttpResponseBase:
    """Ask who he is once more, and give the copy, once."""
    export = get_object_or_404(Export, member=member, pk=export_id)
    form = ConfirmForm(request.POST or None, member=member)
    if request.method == "POST" and form.is_valid() and _confirms(request, form):
        try:
            key = transactions.commit(exporting.take, export=export, at=moment_of(request.user), actor=actor(request))
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            return streamed(export, key)
    shown = {"door": "me", "export": export, "form": form, "back": str(export.pk)}
    return render(request, "portal/data_fetch.html", shown | _code_shown(request, form))


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@unasked
def erase(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Say what stands against an erasure; with his confirmation erase him, or keep the wish for its day."""
    today = day_of(request.user)
    form = EraseForm(request.POST or None, member=member)
    if request.method == "POST" and form.is_valid() and _confirms(request, form):
        try:
            asked = transactions.commit(
                erasing.ask,
                member=member,
                channel=Channel.PORTAL,
                gives_up_points=form.cleaned_data["gives_up_points"],
                may_wait=True,
                today=today,
                at=moment_of(request.user),
                actor=actor(request),
            )
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            return _erased(request, asked)
    stands = barriers.standing(member, today=today)
    points = [one for one in stands if one.code == "points_left"]
    others = [one for one in stands if one.code != "points_left"]
    shown = {
        "door": "me",
        "form": form,
        "points": points,
        "barriers": others,
        "is_possible": all(one.possible_on for one in others),
        "possible_on": max((one.possible_on for one in others if one.possible_on), default=None),
        "back": "erase",
    }
    return render(request, "portal/erase.html", shown | _code_shown(request, form))


@require_POST
@unasked
def keep(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Take back a wish to be erased that waits for its day."""
    return _done(request, erasing.withdraw, "kept", member=member)


def streamed(export: Export, key: bytes) -> HttpResponseBase:
    """Answer the file of a copy that was taken, piece by piece; no cache keeps it."""
    answer = StreamingHttpResponse(exporting.fetched(export, key=key), content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="my-data-{export.asked_at:%Y%m%d}.zip"'
    answer["Content-Length"] = str(export.size)
    answer["Cache-Control"] = "no-store"
    return answer


def _erased(request: HttpRequest, asked: Erasure) -> HttpResponse:
    if asked.state == Erasure.State.WAITING:
        return redirect(f"{request.path.rpartition('/')[0]}?done=waits")
    certificate = erasing.certificate_of(asked.member_id)
    auth.logout(request)
    return render(request, "portal/erased.html", {"certificate": certificate})


def _confirms(request: HttpRequest, form: ConfirmForm) -> bool:
    """Tell whether he has shown who he is; the form says it where not."""
    waiting = request.session.get(CODE, "")
    said = {"password": form.cleaned_data.get("password", ""), "code": form.cleaned_data.get("code", "")}
    try:
        is_he = transactions.commit(
            confirming.confirm,
            user=request.user,
            code_id=uuid.UUID(waiting) if waiting else None,
            at=moment_of(request.user),
            actor=actor(request),
            **said,
        )
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return False
    if not is_he:
        form.add_error("code" if "code" in form.fields else "password", str(confirming.ConfirmationRefused()))
    elif waiting:
        del request.session[CODE]
    return is_he


def _code_shown(request: HttpRequest, form: ConfirmForm) -> dict[str, Any]:
    return {
        "by_code": "code" in form.fields,
        "code_sent": CODE in request.session,
        "messages_file": messages_file(),
    }


def _done(request: HttpRequest, verb: Any, word: str, **asked: Any) -> HttpResponse:
    try:
        transactions.commit(verb, **asked, at=moment_of(request.user), actor=actor(request))
    except Refusal as refusal:
        request.session["data_refused"] = str(refusal)
        return redirect("portal:data")
    return redirect(f"{request.path.rpartition('/')[0]}?done={word}")


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
