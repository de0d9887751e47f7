"""The retention schedule in the console: how long each class of data is kept, by what right, and what holds it longer."""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access import visibility
from foundation.access.signing_in import day_of, moment_of
from foundation.approvals.requesting import LONGEST_REASON
from foundation.refusals import Refusal
from foundation.web.browsing import Section
from foundation.web.fields import Day
from foundation.web.requests import actor
from privacy import destroying, holding
from privacy.classes import CLASSES, term_in_words
from privacy.keeping import Destruction, LegalHold, RetentionTerm

SCHEDULE = "admin:privacy_retention"


class ReasonForm(forms.Form):
    """Why; `id` makes a form that is sent twice one request."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(label=_("reason"), max_length=LONGEST_REASON)


class HoldForm(forms.Form):
    """Which class is kept, why, and until when at most."""

    data_class = forms.ChoiceField(label=_("data class"))
    reason = forms.CharField(label=_("reason"), max_length=LONGEST_REASON)
    until = forms.DateField(label=_("until"), widget=Day, required=False)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fields["data_class"].choices = [(one.code, one.label) for one in CLASSES.values() if one.due]


class LiftForm(forms.Form):
    """Why it may go."""

    reason = forms.CharField(label=_("reason"), max_length=LONGEST_REASON)


def urls(view: Callable[..., Any]) -> list[URLPattern]:
    """Return the addresses of these pages, each behind the console's door."""
    return [
        path("privacy/retention/", view(schedule), name="privacy_retention"),
        path("privacy/retention/hold/", view(hold), name="privacy_hold"),
        path("privacy/retention/holds/<uuid:hold_id>/", view(lift), name="privacy_lift"),
        path("privacy/destruction/<uuid:destruction_id>/ask/", view(destroy), name="privacy_destroy"),
    ]


def schedule(request: HttpRequest) -> HttpResponse:
    """Show each class with its term, basis and what becomes of it, what was found, and the holds on classes."""
    _must(request, destroying.MAY_SEE)
    terms = {term.data_class: term for term in RetentionTerm.objects.all()}
    found = {batch.data_class: batch for batch in Destruction.objects.exclude(state=Destruction.State.DONE)}
    rows = [
        [
            one.label,
            term_in_words(one, terms.get(one.code)),
            terms[one.code].basis if one.code in terms else "",
            one.becomes,
            _found(found.get(one.code)),
        ]
        for one in CLASSES.values()
    ]
    sections = [
        Section(
            title=_("Retention schedule"),
            headers=[_("data class"), _("kept"), _("by what right"), _("then"), _("has passed its term")],
            rows=rows,
        ),
        _holds(request),
    ]
    verb = {"url": reverse("admin:privacy_hold"), "label": _("Hold a class")} if _may(request, holding.HOLD) else None
    return site.page(request, "admin/retention.html", title=_("Retention"), sections=sections, verb=verb)


def hold(request: HttpRequest) -> HttpResponse:
    """Ask which class and why, and keep it whatever its term."""
    _must(request, holding.HOLD)
    form = HoldForm(request.POST or None)
    sentence = _("While it holds nothing of the class is destroyed. Without a date it holds until it is lifted.")
    return _form(request, form, holding.place, _("Hold a class"), sentence)


def lift(request: HttpRequest, hold_id: uuid.UUID) -> HttpResponse:
    """Ask why, and lift a hold on a class."""
    _must(request, holding.HOLD)
    held = get_object_or_404(LegalHold, member=None, pk=hold_id)
    sentence = _("From then on the class follows its term again.")
    return _form(request, LiftForm(request.POST or None), holding.lift, _("Lift the hold"), sentence, hold=held)


def destroy(request: HttpRequest, destruction_id: uuid.UUID) -> HttpResponse:
    """Ask why, and ask to destroy a batch."""
    _must(request, destroying.MAY_REQUEST)
    batch = get_object_or_404(Destruction, pk=destruction_id)
    form = ReasonForm(request.POST or None, initial={"id": uuid.uuid4()})
    sentence = _("Another person of compliance decides. Then it is destroyed for good, and a certificate says so.")
    return _form(request, form, destroying.ask, _("Ask to destroy"), sentence, destruction=batch)


def _form(
    request: HttpRequest, form: forms.Form, verb: Callable[..., Any], title: Any, sentence: Any, **named: Any
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            made = transactions.commit(
                verb, **named, **form.cleaned_data, actor=actor(request), at=moment_of(request.user)
            )
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            if verb is destroying.ask:
                messages.success(request, _("Asked for: another person decides."))
                return redirect("admin:approvals_request_change", made.pk)
            return redirect(SCHEDULE)
    return site.page(request, "admin/form.html", title=title, form=form, opts=Destruction._meta, sentences=[sentence])


def _must(request: HttpRequest, permission: str) -> None:
    if not _may(request, permission):
        raise PermissionDenied


def _may(request: HttpRequest, permission: str) -> bool:
    """Tell whether the user has the permission over the whole bank: a class has no branch."""
    user = request.user
    if user.is_superuser:
        return True
    return visibility.sees_the_bank(user, permission=permission, on=day_of(user))


def _found(batch: Destruction | None) -> Any:
    if batch is None:
        return ""
    url = reverse("admin:privacy_destruction_change", args=[batch.pk])
    return format_html('<a href="{}">{}</a>', url, f"{batch.rows:,}")


def _holds(request: HttpRequest) -> Section:
    held = (
        LegalHold.objects.on(day_of(request.user)).filter(member=None).select_related("placed_by").order_by("placed_at")
    )
    may_lift = _may(request, holding.HOLD)

    def door(one: LegalHold) -> Any:
        url = reverse("admin:privacy_lift", args=[one.pk])
        return format_html('<a href="{}">{}</a>', url, _("Lift the hold")) if may_lift else ""

    rows = [
        [
            CLASSES[one.data_class].label,
            one.starts_on,
            one.until or "",
            one.reason,
            one.placed_by.get_full_name(),
            door(one),
        ]
        for one in held
    ]
    headers = [_("data class"), _("starts on"), _("until"), _("reason"), _("by"), _("verb")]
    return Section(title=_("Legal holds on classes"), headers=headers, rows=rows, empty=_("None."))
