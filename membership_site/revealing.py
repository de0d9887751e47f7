"""Revealing a person in the console: a reason first, then a minute in clear, then masked again by itself."""

import uuid
from collections.abc import Callable

from django import forms
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from prometheus_client import Counter

from foundation import transactions
from foundation.access import stepping_up, visibility
from foundation.access.signing_in import day_of, moment_of
from foundation.refusals import Refusal
from foundation.web.requests import actor
from members import knowing, revealing
from members.facts import IDENTITY
from members.models import Member

REVEALS = Counter("loyalty_pii_reveals", "Looks at a person's data in clear.", ["role"])
REFUSED = Counter("loyalty_pii_reveals_refused", "Looks refused above the day's limit.", ["role"])


class ReasonForm(forms.Form):
    """Why somebody has to see the person in clear."""

    reason = forms.CharField(
        label=_("reason"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("What for, as the audit trail keeps it. No names and no numbers of people."),
    )


def urls(view: Callable) -> list[URLPattern]:
    """Return the addresses, each behind the console's `view`."""
    member = "members/member/<int:member_id>/reveal"
    return [
        path(f"{member}/", view(reveal), name="members_member_reveal"),
        path(f"{member}/<uuid:look>/", view(revealed), name="members_member_revealed"),
    ]


def reveal(request: HttpRequest, member_id: int) -> HttpResponse:
    """Ask for the reason, keep the trace, and lead to the page in clear."""
    member = _of_his_branches(request, member_id)
    if stepping_up.is_asked(request, for_what=stepping_up.REVEAL, at=moment_of(request.user)):
        return stepping_up.confirm_first(request.path)
    form = ReasonForm(request.POST or None)
    status = 200
    if form.is_valid():
        asked = {
            "member": member,
            **form.cleaned_data,
            "actor": actor(request),
            "at": moment_of(request.user),
        }
        try:
            look = transactions.commit(revealing.reveal, **asked)
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
            status = refusal.status
            if isinstance(refusal, revealing.TooManyReveals):
                transactions.commit(revealing.keep_refusal, **asked)
                REFUSED.labels(_role(request, member)).inc()
        else:
            REVEALS.labels(_role(request, member)).inc()
            return redirect("admin:members_member_revealed", member.pk, look.pk)
    sentences = [
        member.number,
        _("You see the person in clear for %(seconds)s seconds. Who looked, when, from where and why is kept for ever.")
        % {"seconds": revealing.SECONDS},
    ]
    answer = site.page(
        request, "admin/form.html", title=_("Show in clear"), form=form, opts=Member._meta, sentences=sentences
    )
    answer.status_code = status
    return answer


def revealed(request: HttpRequest, member_id: int, look: uuid.UUID) -> HttpResponse:
    """Show the person in clear while the look lasts; after that the page is the member's, masked."""
    member = _of_his_branches(request, member_id)
    masked = reverse("admin:members_member_change", args=[member.pk])
    shown = revealing.revealed(look=look, member=member, user=request.user, at=moment_of(request.user))
    if shown is None:
        return redirect(masked)
    data, seconds = shown
    facts = [
        (_("name"), data.full_name),
        (_("pinyin"), data.pinyin),
        (_("phone"), data.phone),
        (_("national id"), data.national_id),
        (_("e-mail"), data.email),
        (_("date of birth"), data.birth_date),
        (_("gender"), data.gender),
        *(
            (one.fact.label, one.worded)
            for one in knowing.read(member, on=day_of(request.user))
            if one.fact.code not in IDENTITY
        ),
    ]
    answer = site.page(
        request, "admin/revealed.html", title=member.number, member=member, facts=facts, seconds=seconds, masked=masked
    )
    # The server shows it no longer, and the browser leaves the page by itself, with scripts or without.
    answer["Refresh"] = f"{seconds}; url={masked}"
    return answer


def may_reveal(request: HttpRequest, member: Member) -> bool:
    """Tell whether a posting lets the user see this member in clear; the branch came with the member."""
    user = request.user
    return user.is_superuser or bool(
        visibility.roles_in(user, permission=revealing.REVEAL, path=member.branch.path, on=day_of(user))
    )


def _of_his_branches(request: HttpRequest, member_id: int) -> Member:
    """Return a member whom the user may see in clear; one outside his branches does not exist for him."""
    user = request.user
    if not user.has_perm(revealing.REVEAL):
        raise PermissionDenied
    members = Member.objects.select_related("branch", "person", "file").exclude(person=None)
    if not user.is_superuser:
        members = members.in_branches(visibility.paths(user, permission=revealing.REVEAL, on=day_of(user)))
    member = members.filter(pk=min(member_id, 2**63 - 1)).first()
    if member is None:
        raise Http404
    return member


def _role(request: HttpRequest, member: Member) -> str:
    """Return the role in which the user looks at the member: the first by name of those that let him."""
    user = request.user
    given = visibility.roles_in(user, permission=revealing.REVEAL, path=member.branch.path, on=day_of(user))
    return min(given, default="superuser")
