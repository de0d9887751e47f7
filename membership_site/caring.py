"""Relationship managers in the console: who looks after how many, and the forms that assign members and hand them over."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from foundation import transactions
from foundation.access import visibility
from foundation.access.models import Branch, User
from foundation.access.signing_in import day_of, moment_of
from foundation.money import number
from foundation.refusals import Refusal
from foundation.web.browsing import Choice, Section
from foundation.web.fields import Day
from foundation.web.requests import actor
from members import caring
from members.models import Assignment, Member, MemberQuerySet
from tiers.models import Standing, Tier

LIST = "admin:members_member_changelist"


class CareForm(forms.Form):
    """To whom, from when, and why."""

    manager = forms.ModelChoiceField(User.objects.none(), label=_("relationship manager"))
    starts_on = forms.DateField(label=_("starts on"), widget=Day)
    reason = forms.CharField(label=_("reason"), max_length=200)

    def __init__(self, *arguments: Any, user: User, **named: Any) -> None:
        today = day_of(user)
        super().__init__(*arguments, initial={"starts_on": today}, **named)
        known = caring.managers_under(paths_of(user), on=today)
        for field in {"manager", "to"} & self.fields.keys():
            self.fields[field].queryset = User.objects.filter(pk__in=[one.pk for one in known]).order_by("full_name")
            self.fields[field].label_from_instance = User.get_full_name


class VipForm(CareForm):
    """All members of a branch at or above a tier whom nobody looks after."""

    branch = forms.ModelChoiceField(Branch.objects.none(), label=_("branch"), empty_label=None)
    tier = forms.ModelChoiceField(Tier.objects.none(), label=_("tier or above"), empty_label=None)
    field_order = ("branch", "tier")

    def __init__(self, *arguments: Any, user: User, **named: Any) -> None:
        super().__init__(*arguments, user=user, **named)
        self.fields["branch"].queryset = Branch.objects.under(paths_of(user)).order_by("path")
        ladder = Tier.objects.filter(rank__gt=0).select_related("programme")
        self.fields["tier"].queryset = ladder.order_by("-programme__is_main", "programme_id", "rank")
        self.fields["tier"].label_from_instance = lambda tier: f"{tier.programme} · {tier}"


class HandOverForm(CareForm):
    """All members of one relationship manager to another."""

    to = forms.ModelChoiceField(User.objects.none(), label=_("hand over to"))
    field_order = ("manager", "to")


class LookedAfter(Choice):
    """Members by who looks after them."""

    title = _("relationship manager")
    parameter_name = "manager"

    def lookups(self, request, model_admin):
        known = caring.managers_under(
            visibility.paths(request.user, permission=visibility.SEE_MEMBERS, on=day_of(request.user)),
            on=day_of(request.user),
        )
        mine = [("me", _("my members"))] if request.user in known else []
        return [*mine, ("none", _("nobody")), *((str(one.pk), one.get_full_name()) for one in known)]

    def queryset(self, request, queryset):
        if not (value := self.value()):
            return queryset
        held = Assignment.objects.on(day_of(request.user)).filter(member=OuterRef("pk"))
        if value == "none":
            return queryset.filter(~Exists(held))
        return queryset.filter(Exists(held.filter(manager=request.user.pk if value == "me" else value)))


def urls(view: Callable) -> list[URLPattern]:
    """Return the addresses, each behind the console's `view`."""
    return [
        path("members/care/", view(overview), name="members_care"),
        path("members/care/assign/", view(assign_vips), name="members_care_assign"),
        path("members/care/hand-over/", view(hand_over), name="members_care_hand_over"),
        path("members/member/<int:member_id>/manager/", view(one_member), name="members_member_manager"),
    ]


def paths_of(user: User) -> list[str]:
    """Return the subtrees whose members the user may assign."""
    return visibility.paths(user, permission=caring.ASSIGN, on=day_of(user))


def members_of(request: HttpRequest) -> MemberQuerySet:
    """Return the open memberships whose members the user may assign; refuses who may assign none."""
    if not request.user.has_perm(caring.ASSIGN):
        raise PermissionDenied
    members = Member.objects.exclude(status=Member.Status.CLOSED)
    return members if request.user.is_superuser else members.in_branches(paths_of(request.user))


def may_assign(request: HttpRequest, member: Member) -> bool:
    """Tell whether the user may assign this member; the branch came with the member."""
    reached = any(member.branch.path.startswith(path) for path in paths_of(request.user))
    return reached and member.status != Member.Status.CLOSED


def overview(request: HttpRequest) -> HttpResponse:
    """Show the relationship managers of the user's branches, and how many of his members each looks after."""
    members, today = members_of(request), day_of(request.user)
    held = Assignment.objects.on(today).filter(member__in=members)
    counted = dict(held.values_list("manager").annotate(members=Count("id")))
    rows = [
        [_link(one), number(counted.pop(one.pk, 0))] for one in caring.managers_under(paths_of(request.user), on=today)
    ]
    # Whose posting has ended, but not the care for his members.
    rows += [[_link(one), number(counted[one.pk])] for one in User.objects.filter(pk__in=counted).order_by("full_name")]
    section = Section(
        title=_("Who looks after whom"),
        headers=[_("relationship manager"), _("members")],
        numbers=frozenset({1}),
        rows=rows,
        empty=_("Nobody is posted as a relationship manager here."),
    )
    return site.page(request, "admin/care.html", title=_("Relationship managers"), section=section)


def _link(manager: User) -> str:
    return format_html('<a href="{}?manager={}">{}</a>', reverse(LIST), manager.pk, manager.get_full_name())


def assign_vips(request: HttpRequest) -> HttpResponse:
    """Assign the members of a branch at or above a tier whom nobody looks after."""
    members, today = members_of(request), day_of(request.user)

    def do(*, branch: Branch, tier: Tier, **said: Any) -> int:
        holding = Standing.objects.filter(programme=tier.programme_id, tier__rank__gte=tier.rank)
        free = ~Exists(Assignment.objects.on(today).filter(member=OuterRef("pk")))
        chosen = members.in_branches([branch.path]).filter(free, pk__in=holding.values("member"))
        return transactions.commit(caring.assign, members=chosen, **said)

    return _form(request, VipForm, title=_("Assign members without a manager"), do=do)


def hand_over(request: HttpRequest) -> HttpResponse:
    """Hand all members of one relationship manager to another."""
    members = members_of(request)

    def do(**said: Any) -> int:
        return transactions.commit(caring.hand_over, members=members, **said)

    return _form(request, HandOverForm, title=_("Hand over members"), do=do)


def one_member(request: HttpRequest, member_id: int) -> HttpResponse:
    """Show who has looked after a member, and assign him to somebody."""
    members = members_of(request).filter(pk=min(member_id, 2**63 - 1))
    member = members.select_related("branch").first()
    if member is None:
        raise Http404
    history = [
        _("%(who)s, %(first)s – %(last)s")
        % {"who": one.manager.get_full_name(), "first": one.starts_on, "last": one.ends_on or "…"}
        for one in member.assignments.select_related("manager").order_by("-starts_on", "-id")
    ]

    def do(**said: Any) -> int:
        return transactions.commit(caring.assign, members=members, **said)

    back = reverse("admin:members_member_change", args=[member.pk])
    return _form(request, CareForm, title=_("Assign a manager"), do=do, sentences=[member.number, *history], back=back)


def _form(
    request: HttpRequest,
    kind: type[CareForm],
    *,
    title: Any,
    do: Callable[..., int],
    sentences: list[Any] | None = None,
    back: str = "",
) -> HttpResponse:
    """Show a form, or do what it asks for and go back; a refusal stands beside its field."""
    form = kind(request.POST or None, user=request.user)
    if form.is_valid():
        try:
            changed = do(**form.cleaned_data, actor=actor(request), at=moment_of(request.user))
        except Refusal as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            messages.success(
                request,
                ngettext("%(n)s member changed hands.", "%(n)s members changed hands.", changed) % {"n": changed},
            )
            return redirect(back or "admin:members_care")
    return site.page(request, "admin/form.html", title=title, form=form, opts=Member._meta, sentences=sentences or [])
