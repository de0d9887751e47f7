"""At the counter: a teller begins an enrolment; the newcomer finishes it on his own phone, by a link or his reference."""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from foundation import transactions
from foundation.access import visibility
from foundation.access.models import Branch
from foundation.access.signing_in import day_of, moment_of
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members import joining
from members.consent_texts import Channel
from members.models import Enrolment, OneTimeCode
from portal.joining import DetailsForm

ENROL = "members.enrol_member"
SHOWN = 20
LANGUAGES = [("zh-hans", "简体中文"), ("zh-hant", "繁體中文"), ("en", "English")]


class CounterForm(DetailsForm):
    """What the newcomer says, the language he is written to in, and the branch that he joins."""

    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=LANGUAGES)
    branch = forms.ModelChoiceField(Branch.objects.none(), label=gettext_lazy("branch"), empty_label=None)


def urls(site: AdminSite) -> list:
    """Return the addresses of enrolling, beside the members'."""

    def guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        return site.admin_view(lambda request, **names: view(request, site, **names))

    return [
        path("enrol/", guarded(enrol), name="enrol"),
        path("enrol/<uuid:enrolment_id>/again/", require_POST(guarded(send_again)), name="enrol_again"),
    ]


def enrol(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Take the details; send the newcomer the link; show what was begun here."""
    branches = _branches(request)
    form = CounterForm(request.POST or None, initial={"language": LANGUAGES[0][0]})
    form.fields["branch"].queryset = branches
    if request.method == "POST" and form.is_valid():
        via = Enrolment.Via.SMS if form.details.phone else Enrolment.Via.MAIL
        at = moment_of(request.user)
        try:
            begun = transactions.commit(
                joining.begin,
                details=form.details,
                via=via,
                form=OneTimeCode.Form.LINK,
                channel=Channel.BRANCH,
                branch=form.cleaned_data["branch"],
                today=day_of(request.user),
                at=at,
                actor=actor(request),
            )
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            _say_sent(request, begun)
            return redirect("admin:enrol")
    return site.page(
        request,
        "admin/enrol.html",
        title=_("Enrol a member"),
        form=form,
        begun=_begun(branches)[:SHOWN],
    )


def send_again(request: HttpRequest, site: AdminSite, *, enrolment_id: uuid.UUID) -> HttpResponse:
    """Send the newcomer another link."""
    enrolment = _begun(_branches(request)).filter(pk=enrolment_id).first()
    if enrolment is None:
        raise Http404
    again = {"form": OneTimeCode.Form.LINK, "at": moment_of(request.user), "actor": actor(request)}
    try:
        transactions.commit(joining.send_again, enrolment_id=enrolment.pk, **again)
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        _say_sent(request, enrolment)
    return redirect("admin:enrol")


def _say_sent(request: HttpRequest, enrolment: Enrolment) -> None:
    said = _(
        "If %(to)s is the newcomer's, a link is on its way to it. The reference, to go on elsewhere: %(reference)s."
    )
    messages.success(request, said % {"to": enrolment.masked_contact, "reference": enrolment.reference})


def _branches(request: HttpRequest) -> QuerySet[Branch]:
    """Return the branches in which the user may enrol."""
    if not request.user.has_perm(ENROL):
        raise PermissionDenied
    branches = Branch.objects.order_by("path")
    if request.user.is_superuser:
        return branches
    return branches.under(visibility.paths(request.user, permission=ENROL, on=day_of(request.user)))


def _begun(branches: QuerySet[Branch]) -> QuerySet[Any]:
    """Return the enrolments of these branches that are under way and were begun at a counter, the latest first."""
    under_way = Enrolment.objects.filter(state__in=joining.OPEN, begun_on=Channel.BRANCH, branch__in=branches)
    return under_way.order_by("-started_at", "pk")
