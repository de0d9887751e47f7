"""Two records of one person in the console: find them, compare them, ask to merge them, or say that they are two persons; and undo."""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access import visibility
from foundation.access.signing_in import day_of, moment_of
from foundation.approvals.requesting import LONGEST_REASON
from foundation.money import number
from foundation.refusals import Refusal
from foundation.web import paging
from foundation.web.browsing import Section
from foundation.web.requests import actor
from members import doubles
from members.models import Member, Merge
from membership_site import merge_requests, merge_states
from membership_site.counter import served
from membership_site.freezes import ReasonForm
from membership_site.merge_states import State
from points.ledger import NEVER

MAY_REQUEST = merge_requests.MAY_REQUEST
TITLE = _("Two records of one person")


class OtherForm(forms.Form):
    """The number of the other record."""

    number = forms.CharField(label=_("member number"), max_length=20)


class ApartForm(forms.Form):
    """Why the two are not one person."""

    apart_reason = forms.CharField(label=_("why they are two persons"), max_length=LONGEST_REASON)


def addresses(view: Callable[..., Any]) -> list[URLPattern]:
    """Return the addresses of these pages, each behind the console's door."""
    return [
        path("members/doubles/", view(find), name="members_doubles"),
        path("members/doubles/<int:kept_id>/<int:gone_id>/", view(compare), name="members_compare"),
        path("members/doubles/<int:kept_id>/<int:gone_id>/apart/", view(set_apart), name="members_set_apart"),
        path("members/member/<int:member_id>/merge/", view(choose), name="members_member_merge"),
        path("members/merges/<int:merge_id>/undo/", view(undo), name="members_undo_merge"),
    ]


def may_merge(request: HttpRequest, member: Member) -> bool:
    """Tell whether the user may ask to merge this member's record; the branch came with the member."""
    paths = visibility.paths(request.user, permission=MAY_REQUEST, on=day_of(request.user))
    return member.status == Member.Status.ACTIVE and any(member.branch.path.startswith(one) for one in paths)


def find(request: HttpRequest) -> HttpResponse:
    """List the pairs that look like one person, of the branches in which the user may ask to merge."""
    if not request.user.has_perm(MAY_REQUEST):
        raise PermissionDenied
    on = day_of(request.user)
    paths = None if request.user.is_superuser else visibility.paths(request.user, permission=MAY_REQUEST, on=on)
    cursor = request.GET.get("after", "")
    try:
        after = paging.decode(cursor, int, int) if cursor else None
    except paging.CursorUnreadable as error:
        raise Http404 from error
    pairs, following = doubles.find(paths=paths, after=after)
    section = Section(
        title=TITLE,
        headers=[_("older record"), _("newer record"), _("what agrees"), _("action")],
        rows=[[_named(one.first), _named(one.second), _agreeing(one.agree), _to_compare(one)] for one in pairs],
        empty=_("No two records look like one person here."),
    )
    return site.page(
        request,
        "admin/doubles.html",
        title=TITLE,
        section=section,
        following=paging.encode(following) if following else "",
    )


def _named(member: Member) -> SafeString:
    url = reverse("admin:members_member_change", args=[member.pk])
    return format_html('<a href="{}">{}</a><br>{} · {}', url, member.number, member.person.masked_name, member.branch)


def _agreeing(agree: tuple[str, ...]) -> SafeString:
    return format_html_join(" ", '<span class="pill">{}</span>', ([capfirst(doubles.AGREEING[one])] for one in agree))


def _to_compare(pair: doubles.Pair) -> SafeString:
    url = reverse("admin:members_compare", args=[pair.first.pk, pair.second.pk])
    return format_html('<a class="button" href="{}">{}</a>', url, _("Compare"))


def choose(request: HttpRequest, member_id: int) -> HttpResponse:
    """Ask for the number of the other record, and show both."""
    member = served(request, member_id, permission=MAY_REQUEST)
    form = OtherForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        paths = visibility.paths(request.user, permission=MAY_REQUEST, on=day_of(request.user))
        seen = Member.objects.all() if request.user.is_superuser else Member.objects.in_branches(paths)
        other = seen.filter(number=form.cleaned_data["number"].strip()).exclude(pk=member.pk).first()
        if other:
            return redirect("admin:members_compare", *sorted([member.pk, other.pk]))
        form.add_error("number", _("No other member you may see has this number."))
    sentences = [member.number, _("Both are shown side by side first; nothing is merged yet.")]
    return site.page(
        request,
        "admin/form.html",
        title=_("Compare with another record"),
        form=form,
        opts=Member._meta,
        sentences=sentences,
    )


def compare(request: HttpRequest, kept_id: int, gone_id: int) -> HttpResponse:
    """Show two records side by side, and what would move; ask to merge them."""
    kept, gone = _both(request, kept_id, gone_id)
    form = ReasonForm(request.POST or None, initial={"id": uuid.uuid4()})
    if request.method == "POST" and form.is_valid():
        said = {"kept": kept, "gone": gone, "at": moment_of(request.user), "actor": actor(request)}
        try:
            made = transactions.commit(merge_requests.ask, **said, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            messages.success(request, _("Asked for: another person decides."))
            return redirect("admin:approvals_request_change", made.pk)
    return _compared(request, kept, gone, form=form, apart=ApartForm())


def set_apart(request: HttpRequest, kept_id: int, gone_id: int) -> HttpResponse:
    """Remember that the two are not one person."""
    kept, gone = _both(request, kept_id, gone_id)
    form = ApartForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = {"reason": form.cleaned_data["apart_reason"], "at": moment_of(request.user), "actor": actor(request)}
        try:
            transactions.commit(doubles.set_apart, one=kept, other=gone, **said)
        except Refusal as refusal:
            form.add_error("apart_reason", str(refusal))
        else:
            messages.success(request, _("Kept in mind: they are two persons."))
            return redirect("admin:members_doubles")
    return _compared(request, kept, gone, form=ReasonForm(initial={"id": uuid.uuid4()}), apart=form)


def _both(request: HttpRequest, kept_id: int, gone_id: int) -> tuple[Member, Member]:
    """Return two different records, both of which a posting lets the user merge."""
    if kept_id == gone_id:
        raise Http404
    return served(request, kept_id, permission=MAY_REQUEST), served(request, gone_id, permission=MAY_REQUEST)


def _compared(request: HttpRequest, kept: Member, gone: Member, **forms_of: Any) -> HttpResponse:
    today = day_of(request.user)
    states = merge_states.state_of(kept, today=today), merge_states.state_of(gone, today=today)
    after = Section(
        title=_("Balances afterwards"),
        headers=[_("point currency"), _("now"), _("afterwards")],
        numbers=frozenset({1, 2}),
        rows=[[str(one), number(before), number(then)] for one, before, then in merge_states.points_after(*states)],
        empty=_("No points on either."),
    )
    return site.page(
        request,
        "admin/compare.html",
        title=TITLE,
        kept=kept,
        gone=gone,
        rows=[(label, told(states[0]), told(states[1])) for label, told in ROWS],
        after=after,
        **forms_of,
    )


def _person(state: State) -> str:
    person = getattr(state.member, "person", None)
    return f"{person.masked_name} · {person.masked_phone}" if person else "–"


def _points(state: State) -> SafeString:
    """Return each purse in a line: available, pending, held, owed."""
    lines = (
        (currency, number(one.available), number(one.pending), number(one.held), number(one.owed))
        for currency, one in state.purses
    )
    pattern = _("{}: {} available, {} pending, {} held, {} owed")
    return format_html_join(SafeString("<br>"), str(pattern), lines) or SafeString("–")


def _lots(state: State) -> SafeString:
    lines = [
        (
            number(lot.remaining),
            _("never") if lot.expires_on == NEVER else date_format(lot.expires_on, "SHORT_DATE_FORMAT"),
        )
        for lot in state.lots
    ]
    told = format_html_join(SafeString("<br>"), str(_("{} until {}")), lines) or SafeString("–")
    return format_html("{}<br>…", told) if state.more_lots else told


def _tiers(state: State) -> SafeString:
    lines = (
        (stood.programme, stood.tier, date_format(stood.valid_until, "SHORT_DATE_FORMAT") if stood.valid_until else "–")
        for stood in state.tiers
    )
    return format_html_join(SafeString("<br>"), "{}: {} ({})", lines) or SafeString("–")


def _consents(state: State) -> SafeString:
    lines = ((stand.text.title, _("yes") if stand.holds else _("no")) for stand in state.consents)
    return format_html_join(SafeString("<br>"), "{}: {}", lines) or SafeString("–")


def _list(rows: Any) -> SafeString:
    return format_html_join(SafeString("<br>"), "{}", ([str(row)] for row in rows)) or SafeString("–")


def _manager(state: State) -> str:
    return state.manager.manager.get_full_name() if state.manager else "–"


def _family(state: State) -> str:
    return str(state.family.get_role_display()) if state.family else "–"


ROWS: list[tuple[Any, Callable[[State], Any]]] = [
    (_("person"), _person),
    (_("branch"), lambda state: state.member.branch),
    (_("member since"), lambda state: date_format(state.member.joined_on, "SHORT_DATE_FORMAT")),
    (_("status"), lambda state: state.member.get_state_display()),
    (_("points"), _points),
    (_("lots by their last day"), _lots),
    (_("lots"), lambda state: number(state.lots_open)),
    (_("tiers, valid until"), _tiers),
    (_("protected tiers"), lambda state: _list(state.protections)),
    (_("accounts"), lambda state: number(state.accounts)),
    (_("activities"), lambda state: number(state.activities)),
    (_("consents"), _consents),
    (_("family"), _family),
    (_("household"), lambda state: _("yes") if state.household else "–"),
    (_("relationship manager"), _manager),
    (_("sign-in"), lambda state: _("yes") if state.member.user_id else "–"),
    (_("open requests"), lambda state: _list(state.requests)),
]


def undo(request: HttpRequest, merge_id: int) -> HttpResponse:
    """Ask to part two merged records again."""
    merge = Merge.objects.select_related("kept__branch", "gone__branch").filter(pk=merge_id).first()
    if merge is None:
        raise Http404 if request.user.has_perm(MAY_REQUEST) else PermissionDenied
    for one in (merge.kept_id, merge.gone_id):
        served(request, one, permission=MAY_REQUEST)
    form = ReasonForm(request.POST or None, initial={"id": uuid.uuid4()})
    if request.method == "POST" and form.is_valid():
        said = {"merge": merge, "at": moment_of(request.user), "actor": actor(request)}
        try:
            made = transactions.commit(merge_requests.ask_to_undo, **said, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            messages.success(request, _("Asked for: another person decides."))
            return redirect("admin:approvals_request_change", made.pk)
    sentences = [
        f"{merge.gone.number} → {merge.kept.number} · {date_format(merge.booked_on)}",
        _(
            "What is left of the points that moved goes back, with accounts and places. What was spent or has expired since stays so."
        ),
    ]
    return site.page(
        request, "admin/form.html", title=_("Ask to undo a merge"), form=form, opts=Member._meta, sentences=sentences
    )
