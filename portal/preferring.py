"""The member's preferences: by which way he is told what, his quiet hours, how early he is reminded, in which language."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from foundation import transactions
from foundation.access.signing_in import moment_of
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members import preferring
from members.models import Member, Preference
from members.preferences import CELLS, QUIET_FROM, QUIET_UNTIL, REMINDERS, Topic, Way
from portal.views import member_form

CLOCK = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


class PreferencesForm(forms.Form):
    """Every cell that is on, the quiet hours, the reminders, the language; `seen` says which state of them was shown."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=32)
    language = forms.ChoiceField(label=_("Language of messages"), choices=settings.LANGUAGES)
    on = forms.MultipleChoiceField(choices=[(cell, cell) for cell in CELLS], required=False)
    has_quiet = forms.BooleanField(label=_("Leave me in peace at night"), required=False)
    quiet_from = forms.TimeField(label=_("From"), widget=CLOCK, required=False)
    quiet_until = forms.TimeField(label=_("Until"), widget=CLOCK, required=False)
    reminders = forms.TypedMultipleChoiceField(choices=[(days, days) for days in REMINDERS], coerce=int, required=False)

    def wishes(self) -> dict[str, Any]:
        """Return what was chosen, as preferring.change takes it."""
        chosen = self.cleaned_data
        quiet = (chosen["quiet_from"], chosen["quiet_until"]) if chosen["has_quiet"] else (None, None)
        return {
            "seen": chosen["seen"],
            "language": chosen["language"],
            "muted": [cell for cell in CELLS if cell not in chosen["on"]],
            "quiet": quiet,
            "reminders": chosen["reminders"],
        }

    def clean(self) -> dict[str, Any]:
        """Ask for both ends of the quiet hours where there are to be any."""
        chosen = super().clean()
        if chosen.get("has_quiet"):
            for end in ("quiet_from", "quiet_until"):
                if end not in self.errors and chosen.get(end) is None:
                    self.add_error(end, _("Write a time, such as 21:00."))
        return chosen


@require_http_methods(["GET", "HEAD", "POST"])
@member_form
def preferences_page(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Show what the member prefers; take his changes."""
    status = 200
    form = PreferencesForm(request.POST if request.method == "POST" else _shown(member))
    if request.method == "POST" and form.is_valid():
        try:
            transactions.commit(
                preferring.change,
                member=member,
                at=moment_of(request.user),
                actor=actor(request),
                **form.wishes(),
            )
        except Refusal as refusal:
            status = refusal.status
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            return redirect(f"{request.path}?done=1")
    on = set(form["on"].value() or ())
    shown = {
        "door": "me",
        "form": form,
        "is_sent": request.method == "POST",
        "topics": [
            (topic, [(way, f"{topic}/{way}", f"{topic}/{way}" in on) for way in Way])
            for topic in Topic
            if topic != Topic.SECURITY
        ],
        "reminders": [(days, str(days) in {str(one) for one in form["reminders"].value() or ()}) for days in REMINDERS],
        "done": "done" in request.GET,
    }
    return render(request, "portal/preferences.html", shown, status=status)


def _shown(member: Member) -> dict[str, Any]:
    """Return the preferences as the form shows them first."""
    preference: Preference = preferring.of(member)
    return {
        "seen": preferring.tag(preference, language=member.language),
        "language": member.language or get_language() or settings.LANGUAGE_CODE,
        "on": [cell for cell in CELLS if cell not in preference.muted],
        "has_quiet": preference.quiet_from is not None,
        "quiet_from": f"{preference.quiet_from or QUIET_FROM:%H:%M}",
        "quiet_until": f"{preference.quiet_until or QUIET_UNTIL:%H:%M}",
        "reminders": preference.reminders,
    }
