"""A member's data in the console: copies, erasure, legal holds, disclosures; each verb a small form, most of them asked for, not done."""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access import visibility
from foundation.access.signing_in import day_of, moment_of
from foundation.approvals.models import Request
from foundation.approvals.requesting import LONGEST_REASON
from foundation.refusals import Refusal
from foundation.web.browsing import Section
from foundation.web.fields import Day
from foundation.web.requests import actor
from members.models import Member
from membership_site.counter import served
from portal.my_data import streamed
from privacy import barriers, disclosing, erasing, erasing_for, exporting, exporting_for, holding
from privacy.keeping import Disclosure, LegalHold
from privacy.models import Erasure, Export

PAGE = "admin:members_member_data"
NEWEST = 20
SEES = (exporting_for.MAY_REQUEST, exporting_for.MAY_DECIDE, holding.HOLD, disclosing.MAY_SEE)


class ReasonForm(forms.Form):
    """Why; `id` makes a form that is sent twice one request."""

    id = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(label=_("reason"), max_length=LONGEST_REASON)


class EraseForm(ReasonForm):
    """Why, and whether he gives up what is left of his points."""

    gives_up_points = forms.BooleanField(label=_("he gives up the points that are left"), required=False)


class HoldForm(forms.Form):
    """Why his data is kept, and until when at most."""

    reason = forms.CharField(label=_("reason"), max_length=LONGEST_REASON)
    until = forms.DateField(label=_("until"), widget=Day, required=False)


class LiftForm(forms.Form):
    """Why it may go."""

    reason = forms.CharField(label=_("reason"), max_length=LONGEST_REASON)


class DisclosureForm(ReasonForm):
    """Who asked, by what right, what was given, when, and until when the member is not told."""

    authority = forms.CharField(label=_("authority"), max_length=120)
    legal_basis = forms.CharField(label=_("legal basis"), max_length=200)
    what_given = forms.CharField(
        label=_("what was given"),
        max_length=400,
        help_text=_("Kinds of data, such as name and balances; nothing of it."),
    )
    given_on = forms.DateField(label=_("given on"), widget=Day)
    secret_until = forms.DateField(
        label=_("secret until"), widget=Day, required=False, help_text=_("Where secrecy is ordered: he is not told.")
    )
    field_order = ("id", "authority", "legal_basis", "what_given", "given_on", "secret_until", "reason")


def addresses(view: Callable[..., Any]) -> list[URLPattern]:
    """Return the addresses of these pages, each behind the console's door."""
    own = "members/member/<int:member_id>/data"
    return [
        path(f"{own}/", view(page), name="members_member_data"),
        path(f"{own}/copy/", view(copy), name="members_member_copy"),
        path(f"{own}/copies/<uuid:export_id>/", view(hand_over), name="members_member_hand_over"),
        path(f"{own}/erase/", view(erase), name="members_member_erase"),
        path(f"{own}/hold/", view(hold), name="members_member_hold"),
        path(f"{own}/holds/<uuid:hold_id>/", view(lift), name="members_member_lift"),
        path(f"{own}/disclose/", view(disclose), name="members_member_disclose"),
    ]


def may_see(request: HttpRequest, member: Member) -> bool:
    """Tell whether the user has anything to do with this member's data; the branch came with the member."""
    user, on = request.user, day_of(request.user)
    if user.is_superuser:
        return True
    return any(visibility.roles_in(user, permission=one, path=member.branch.path, on=on) for one in SEES)


def page(request: HttpRequest, member_id: int) -> HttpResponse:
    """Show what was asked about a member's data, what stands against its end, and the doors to the verbs."""
    member = _seen(request, member_id)
    user, today = request.user, day_of(request.user)
    certificate = erasing.certificate_of(member.pk)
    sections = [_copies(request, member), _erasure(member, certificate, today=today)]
    if user.has_perm(holding.HOLD):
        sections.append(_holds(member))
    if user.has_perm(disclosing.MAY_SEE):
        sections.append(_disclosures(member))
    verbs = [
        (exporting_for.MAY_REQUEST, "members_member_copy", _("Ask for a copy")),
        (erasing_for.MAY_REQUEST, "members_member_erase", _("Ask to erase")),
        (holding.HOLD, "members_member_hold", _("Place a legal hold")),
        (disclosing.MAY_REQUEST, "members_member_disclose", _("Record a disclosure")),
    ]
    doors = [
        {"url": reverse(f"admin:{name}", args=[member.pk]), "label": label}
        for permission, name, label in verbs
        if user.has_perm(permission) and certificate is None
    ]
    return site.page(
        request,
        "admin/member_data.html",
        title=_("Data of member %(number)s") % {"number": member.number},
        member=member,
        more_verbs=doors,
        sections=sections,
    )


def copy(request: HttpRequest, member_id: int) -> HttpResponse:
    """Ask why, and ask for a copy of the member's data for him."""
    member = served(request, member_id, permission=exporting_for.MAY_REQUEST)
    sentence = _("Another person decides. Then the copy is made; whoever asked hands it over, once, within 24 hours.")
    return _form(request, member, ReasonForm, exporting_for.ask, _("Ask for a copy"), sentence)


def erase(request: HttpRequest, member_id: int) -> HttpResponse:
    """Ask why, and ask to erase the member for him."""
    member = served(request, member_id, permission=erasing_for.MAY_REQUEST)
    sentence = _(
        "Another person, of compliance, decides. Then his personal data is destroyed for good, or on the day that the law allows."
    )
    return _form(request, member, EraseForm, erasing_for.ask, _("Ask to erase"), sentence)


def hold(request: HttpRequest, member_id: int) -> HttpResponse:
    """Ask why, and keep the member's data whatever its term."""
    member = served(request, member_id, permission=holding.HOLD)
    sentence = _("While it holds nothing of his is erased or destroyed. Without a date it holds until it is lifted.")
    return _form(request, member, HoldForm, holding.place, _("Place a legal hold"), sentence)


def lift(request: HttpRequest, member_id: int, hold_id: uuid.UUID) -> HttpResponse:
    """Ask why, and lift a hold."""
    member = served(request, member_id, permission=holding.HOLD)
    held = get_object_or_404(LegalHold, member=member, pk=hold_id)
    sentence = _("From then on his data follows its term again.")
    return _form(request, None, LiftForm, holding.lift, _("Lift the hold"), sentence, back=member, hold=held)


def disclose(request: HttpRequest, member_id: int) -> HttpResponse:
    """Ask what an authority is given, and ask to record it."""
    member = served(request, member_id, permission=disclosing.MAY_REQUEST)
    sentence = _(
        "Another person of compliance decides. The member reads it in the copy of his data, unless secrecy is ordered."
    )
    return _form(request, member, DisclosureForm, disclosing.ask, _("Record a disclosure"), sentence)


def hand_over(request: HttpRequest, member_id: int, export_id: uuid.UUID) -> HttpResponseBase:
    """Give the copy to who asked for it, once, to hand it over at the counter."""
    member = served(request, member_id, permission=exporting_for.MAY_REQUEST)
    export = get_object_or_404(Export, member=member, pk=export_id)
    if not exporting_for.asked_by(request.user, export=export):
        raise Http404
    if request.method == "POST":
        try:
            key = transactions.commit(exporting.take, export=export, at=moment_of(request.user), actor=actor(request))
        except Refusal as refusal:
            messages.error(request, str(refusal))
            return redirect(PAGE, member.pk)
        return streamed(export, key)
    sentence = _("It holds all of his data, in clear. It can be fetched once; that you did is kept, and he reads it.")
    return site.page(
        request,
        "admin/form.html",
        title=_("Hand over the copy"),
        form=forms.Form(),
        opts=Member._meta,
        sentences=[member.number, sentence],
    )


def _form(
    request: HttpRequest,
    member: Member | None,
    kind: type[forms.Form],
    verb: Callable[..., Any],
    title: Any,
    sentence: Any,
    *,
    back: Member | None = None,
    **named: Any,
) -> HttpResponse:
    """Show the form of a verb, or run it and go where what it did is seen."""
    back = back or member
    form = kind(request.POST or None, initial={"id": uuid.uuid4(), "given_on": day_of(request.user)})
    if request.method == "POST" and form.is_valid():
        about = {"member": member} if member else {}
        try:
            made = transactions.commit(
                verb, **about, **named, **form.cleaned_data, actor=actor(request), at=moment_of(request.user)
            )
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            if isinstance(made, Request):
                messages.success(request, _("Asked for: another person decides."))
                return redirect("admin:approvals_request_change", made.pk)
            return redirect(PAGE, back.pk)
    person = getattr(back, "person", None)
    who = " ".join(filter(None, (back.number, person.masked_name if person else "")))
    return site.page(request, "admin/form.html", title=title, form=form, opts=Member._meta, sentences=[who, sentence])


def _seen(request: HttpRequest, member_id: int) -> Member:
    if not any(request.user.has_perm(permission) for permission in SEES):
        raise PermissionDenied
    visible = Member.objects.visible_to(request.user, on=day_of(request.user)).select_related("branch", "person")
    member = get_object_or_404(visible, pk=min(member_id, 2**63 - 1))
    if not may_see(request, member):
        raise PermissionDenied
    return member


def _moment(at: Any) -> str:
    return formats.date_format(timezone.localtime(at), "Y-m-d H:i") if at else ""


def _copies(request: HttpRequest, member: Member) -> Section:
    newest = Export.objects.filter(member=member).select_related("asked_by").order_by("-asked_at")[:NEWEST]
    now = moment_of(request.user)

    def door(export: Export) -> str:
        is_open = export.state == Export.State.READY and export.expires_at > now
        if not is_open or not exporting_for.asked_by(request.user, export=export):
            return ""
        url = reverse("admin:members_member_hand_over", args=[member.pk, export.pk])
        return format_html('<a href="{}">{}</a>', url, _("Hand over the copy"))

    rows = [
        [_moment(one.asked_at), one.get_channel_display(), one.get_state_display(), _moment(one.expires_at), door(one)]
        for one in newest
    ]
    headers = [_("asked at"), _("channel"), _("state"), _("until"), _("verb")]
    return Section(title=_("copies of his data"), headers=headers, rows=rows, empty=_("Nobody asked for one."))


def _erasure(member: Member, certificate: Any, *, today: Any) -> Section:
    title = _("erasure")
    if certificate:
        said = _("His personal data was destroyed on %(date)s: certificate %(number)s.")
        return Section(
            title=title, sentences=[said % {"date": _moment(certificate.made_at), "number": certificate.number}]
        )
    waiting = Erasure.objects.filter(member=member, state=Erasure.State.WAITING).first()
    said = [_("A wish waits for %(date)s.") % {"date": waiting.possible_on}] if waiting else []
    stands = barriers.standing(member, today=today, gives_up_points=waiting.gives_up_points if waiting else False)
    rows = [[one.sentence, one.possible_on or ""] for one in stands]
    return Section(
        title=title,
        sentences=said or ([] if rows else [_("Nothing stands against it.")]),
        headers=[_("what stands against it"), _("possible on")],
        rows=rows,
    )


def _holds(member: Member) -> Section:
    held = LegalHold.objects.filter(member=member).select_related("placed_by").order_by("-placed_at")[:NEWEST]

    def door(one: LegalHold) -> str:
        if one.lifted_at:
            return _("lifted on %(date)s") % {"date": _moment(one.lifted_at)}
        url = reverse("admin:members_member_lift", args=[member.pk, one.pk])
        return format_html('<a href="{}">{}</a>', url, _("Lift the hold"))

    rows = [[one.starts_on, one.until or "", one.reason, one.placed_by.get_full_name(), door(one)] for one in held]
    headers = [_("starts on"), _("until"), _("reason"), _("by"), _("verb")]
    return Section(title=_("legal holds"), headers=headers, rows=rows, empty=_("None."))


def _disclosures(member: Member) -> Section:
    given = Disclosure.objects.filter(member=member).select_related("asked_by", "decided_by").order_by("-given_on")
    rows = [
        [
            one.given_on,
            one.authority,
            one.legal_basis,
            one.what_given,
            one.secret_until or "",
            f"{one.asked_by.get_full_name()}, {one.decided_by.get_full_name()}",
        ]
        for one in given[:NEWEST]
    ]
    headers = [_("given on"), _("authority"), _("legal basis"), _("what was given"), _("secret until"), _("by")]
    return Section(title=_("disclosures to authorities"), headers=headers, rows=rows, empty=_("None."))
