"""The member's own file: everything the bank knows of him, since when and under what consent; what is his to correct, he corrects."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from foundation import transactions
from foundation.access.signing_in import day_of, moment_of
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members import knowing
from members.facts import CHOICES
from members.file_books import Known, agreed
from members.files import FactSource
from members.filling_in import field_of, written
from members.models import Member
from portal.views import member_form

DONE = {"corrected": _("Kept. It holds from now on."), "confirmed": _("Thank you. Your details count as right today.")}


class DetailsForm(forms.Form):
    """What the member may say of himself, filled in with what is known; `seen` names the state that he read."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, *arguments: Any, known: list[Known], seen: str, said: set[str], **named: Any) -> None:
        self.known = [one for one in known if one.fact.of_member and _may_be_held(one, said)]
        initial = {one.fact.code: one.value.split(",") if one.fact.form == CHOICES else one.value for one in self.known}
        super().__init__(*arguments, initial=initial | {"seen": seen}, **named)
        for one in self.known:
            self.fields[one.fact.code] = field_of(one.fact, empty=_("not said"), boxes=True)

    def changed(self) -> dict[str, str]:
        """Return what differs from what is known, by fact."""
        told = {one.fact.code: written(self.cleaned_data[one.fact.code]) for one in self.known}
        return {one.fact.code: told[one.fact.code] for one in self.known if told[one.fact.code] != one.value}


def _may_be_held(one: Known, said: set[str]) -> bool:
    return one.fact.rests_on_membership or one.fact.purpose in said


@require_http_methods(["GET", "HEAD", "POST"])
@member_form
def details(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Show the whole file to him whose it is; take his word that it is right."""
    today, refusal = day_of(request.user), None
    if request.method == "POST":
        said = {"today": today, "at": moment_of(request.user), "actor": actor(request)}
        try:
            transactions.commit(knowing.confirm, member_id=member.pk, by_member=True, **said)
        except Refusal as error:
            refusal = error
        else:
            return redirect(f"{request.path}?done=confirmed")
    known = knowing.read(member, on=today)
    file = getattr(member, "file", None)
    shown = {
        "door": "me",
        "known": known,
        "has_facts": any(one.value or one.is_withheld for one in known),
        "is_due": file is not None and file.due_on <= today,
        "refusal": refusal,
        "done": DONE.get(request.GET.get("done", "")),
    }
    return render(request, "portal/details.html", shown, status=refusal.status if refusal else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@member_form
def correct(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Take what the member says of himself; a refusal stands at its field, and what he read meanwhile changed says so."""
    today = day_of(request.user)
    said = agreed([member.pk]).get(member.pk, frozenset())
    known = knowing.read(member, said=said, on=today)
    form = DetailsForm(request.POST or None, known=known, seen=knowing.tag(member, known), said=set(said))
    status = 200
    if form.is_valid():
        try:
            transactions.commit(
                knowing.put,
                member_id=member.pk,
                facts=form.changed(),
                source=FactSource.MEMBER,
                told_on=today,
                today=today,
                at=moment_of(request.user),
                actor=actor(request),
                seen=form.cleaned_data["seen"],
            )
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
            status = refusal.status
        else:
            return redirect(f"{reverse('portal:details')}?done=corrected")
    shown = {"door": "me", "form": form, "asks_profiling": "profiling" not in said}
    return render(request, "portal/details_form.html", shown, status=status)
