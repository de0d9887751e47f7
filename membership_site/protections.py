"""Asking in the console to protect a member's tier, and to end that early; another person decides."""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access.signing_in import day_of, moment_of
from foundation.approvals.models import Request
from foundation.refusals import Refusal
from foundation.web.fields import Day
from foundation.web.requests import actor
from members.models import Member
from membership_site.member_tier import may_protect
from tiers import protecting, protection_requests
from tiers.models import Programme, Protection, Tier


class ProtectForm(forms.Form):
    """What to protect, until when and why. `id` makes a form that is sent twice one request."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    kind = forms.TypedChoiceField(label=_("kind"), choices=Protection.Kind.choices, coerce=Protection.Kind)
    tier = forms.ModelChoiceField(
        Tier.objects.none(),
        label=_("tier"),
        required=False,
        empty_label=_("the present one"),
        help_text=_("Of an invitation or an override; a freeze keeps the present tier."),
    )
    until = forms.DateField(
        label=_("until"), widget=Day, help_text=_("The first day that it no longer covers; the review then decides.")
    )
    reason = forms.CharField(label=_("reason"), max_length=400)


class EndForm(forms.Form):
    """Why a protection is to end early."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(label=_("reason"), max_length=400)


def urls(site: AdminSite) -> list:
    """Return the addresses of these pages under a member's."""

    def guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        return site.admin_view(lambda request, **names: view(request, site, **names))

    return [
        path("<int:member_id>/protect/<str:code>/", guarded(protect), name="members_member_protect"),
        path("<int:member_id>/protections/<int:pk>/end/", guarded(end), name="members_member_end_protection"),
    ]


def protect(request: HttpRequest, site: AdminSite, *, member_id: int, code: str) -> HttpResponse:
    """Ask to invite, freeze or override."""
    member = _asked_about(request, member_id)
    programme = get_object_or_404(Programme, code=code)
    held = protecting.tier_of(member_id=member.pk, programme=programme)
    form = ProtectForm(request.POST or None, initial={"id": uuid.uuid4()})
    form.fields["tier"].queryset = programme.tiers.filter(rank__gt=held.rank).order_by("rank")
    sentences = [
        _who(member),
        _("%(programme)s: at present %(tier)s.") % {"programme": programme, "tier": held},
        _("Another person decides. The tier is secured from the close of the first open business date on."),
    ]
    ask = {"member": member, "programme": programme}
    return _page(
        request, site, form, protection_requests.ask, ask, title=_("Ask to protect a tier"), sentences=sentences
    )


def end(request: HttpRequest, site: AdminSite, *, member_id: int, pk: int) -> HttpResponse:
    """Ask for the early end of a protection."""
    member = _asked_about(request, member_id)
    rows = Protection.objects.select_related("tier", "programme", "member__branch")
    protection = get_object_or_404(rows, pk=pk, member=member)
    form = EndForm(request.POST or None, initial={"id": uuid.uuid4()})
    sentences = [
        _who(member),
        f"{protection.programme}: {protection}",
        _("Another person decides. The next review then decides on the tier."),
    ]
    ask = {"protection": protection}
    title = _("Ask to end a protection early")
    return _page(request, site, form, protection_requests.ask_to_end, ask, title=title, sentences=sentences)


def _page(
    request: HttpRequest,
    site: AdminSite,
    form: forms.Form,
    verb: Callable[..., Request],
    ask: dict[str, Any],
    *,
    title: Any,
    sentences: list[Any],
) -> HttpResponse:
    """Show a form, and when it is sent commit the request; a refusal stands at its field, or above."""
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            made = transactions.commit(verb, **ask, **said, actor=actor(request), at=moment_of(request.user))
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            messages.success(request, _("Asked for. Another person decides."))
            return redirect("admin:approvals_request_change", made.pk)
    return site.page(request, "admin/form.html", title=title, form=form, opts=Member._meta, sentences=sentences)


def _who(member: Member) -> str:
    return f"{member.number} {member.person.masked_name if hasattr(member, 'person') else ''}"


def _asked_about(request: HttpRequest, member_id: int) -> Member:
    """Return a member that the user sees and may ask about."""
    visible = Member.objects.visible_to(request.user, on=day_of(request.user)).select_related("branch", "person")
    member = get_object_or_404(visible, pk=member_id)
    if not may_protect(request, member):
        raise PermissionDenied
    return member
