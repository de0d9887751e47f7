"""A member's household in the console: who lives with him, who did, who might; moving in and out."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access import visibility
from foundation.access.signing_in import day_of, moment_of
from foundation.approvals.requesting import LONGEST_REASON
from foundation.refusals import Refusal
from foundation.web.browsing import Section
from foundation.web.requests import actor
from members import housing
from members.models import HouseholdMembership, Member, MemberQuerySet
from membership_site.counter import served

TITLE = _("Household")


class MoveInForm(forms.Form):
    """With whom the member lives, and how that is known."""

    number = forms.CharField(label=_("lives with the member number"), max_length=20)
    reason = forms.CharField(label=_("reason"), max_length=LONGEST_REASON)


class MoveOutForm(forms.Form):
    """How it is known that he moved out."""

    out_reason = forms.CharField(label=_("reason"), max_length=LONGEST_REASON)


def addresses(view: Callable[..., Any]) -> list[URLPattern]:
    """Return the addresses of these pages, each behind the console's door."""
    return [
        path("members/member/<int:member_id>/household/", view(household), name="members_member_household"),
        path("members/member/<int:member_id>/household/leave/", view(leave), name="members_member_move_out"),
    ]


def may_edit(request: HttpRequest, member: Member) -> bool:
    """Tell whether the user may say who lives with this member; the branch came with the member."""
    paths = visibility.paths(request.user, permission=housing.EDIT, on=day_of(request.user))
    return any(member.branch.path.startswith(one) for one in paths)


def household(request: HttpRequest, member_id: int) -> HttpResponse:
    """Show who lives with a member and who might; let him move in with another."""
    member = served(request, member_id, permission=housing.EDIT)
    form = MoveInForm(request.POST or None, initial={"number": request.GET.get("with", "")[:20]})
    if request.method == "POST" and form.is_valid():
        other = _reached(request).filter(number=form.cleaned_data["number"].strip()).first()
        if other is None:
            form.add_error("number", _("No other member you may see has this number."))
        elif _done(
            request, form, housing.move_in, member=member, with_member=other, reason=form.cleaned_data["reason"]
        ):
            return redirect("admin:members_member_household", member.pk)
    return _page(request, member, form, MoveOutForm())


def leave(request: HttpRequest, member_id: int) -> HttpResponse:
    """End a member's time in his household today."""
    member = served(request, member_id, permission=housing.EDIT)
    form = MoveOutForm(request.POST or None)
    said = request.method == "POST" and form.is_valid()
    if said and _done(request, form, housing.move_out, member=member, reason=form.cleaned_data["out_reason"]):
        return redirect("admin:members_member_household", member.pk)
    return _page(request, member, MoveInForm(), form)


def _done(request: HttpRequest, form: forms.Form, verb: Callable[..., Any], **said: Any) -> bool:
    try:
        transactions.commit(verb, **said, at=moment_of(request.user), actor=actor(request))
    except Refusal as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        return False
    messages.success(request, _("Written down."))
    return True


def _reached(request: HttpRequest) -> MemberQuerySet:
    paths = visibility.paths(request.user, permission=housing.EDIT, on=day_of(request.user))
    return Member.objects.all() if request.user.is_superuser else Member.objects.in_branches(paths)


def _page(request: HttpRequest, member: Member, move_in: MoveInForm, move_out: MoveOutForm) -> HttpResponse:
    rows, place = section_rows(request, member)
    history = Section(
        title=_("Who lives together, and who did"),
        headers=[_("member"), _("since"), _("until")],
        rows=rows,
        empty=_("This member is in no household."),
    )
    suggested = Section(
        title=_("Members with the same phone number"),
        headers=[_("member"), _("action")],
        rows=[[_linked(one), _with(member, one)] for one in housing.suggested(member, visible=_reached(request))],
        empty=_("Nobody else has his phone number."),
    )
    return site.page(
        request,
        "admin/household.html",
        title=TITLE,
        member=member,
        history=history,
        suggested=suggested,
        move_in=move_in,
        move_out=move_out if place or move_out.is_bound else None,
    )


def section_rows(request: HttpRequest, member: Member) -> tuple[list[list[Any]], HouseholdMembership | None]:
    """Return the household's history as rows of a table, and the member's own place in it now; two queries.

    Members of branches that the user does not see are counted in, and not named.
    """
    history = housing.history_of(member.pk)
    seen = (
        set(
            Member.objects.visible_to(request.user, on=day_of(request.user))
            .filter(pk__in=[one.member_id for one in history])
            .values_list("pk", flat=True)
        )
        if history
        else set()
    )
    rows = [
        [
            _linked(one.member) if one.member_id in seen else _("a member of another branch"),
            date_format(one.starts_on, "SHORT_DATE_FORMAT"),
            date_format(one.ends_on, "SHORT_DATE_FORMAT") if one.ends_on else "…",
        ]
        for one in history
    ]
    own = next((one for one in history if one.member_id == member.pk and one.ends_on is None), None)
    return rows, own


def _linked(member: Member) -> str:
    person = getattr(member, "person", None)
    url = reverse("admin:members_member_change", args=[member.pk])
    return format_html('<a href="{}">{}</a> {}', url, member.number, person.masked_name if person else "")


def _with(member: Member, other: Member) -> str:
    url = reverse("admin:members_member_household", args=[member.pk])
    return format_html('<a class="button" href="{}?with={}">{}</a>', url, other.number, _("Lives with him"))
