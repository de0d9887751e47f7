"""The members' list and page in the console. They stand here, above every app, since a member's page reads them all."""

from collections.abc import Callable

from django.contrib import admin
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Prefetch, Subquery
from django.db.models.functions import JSONObject
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import formats
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from activity.models import GradeReport
from foundation.access import visibility
from foundation.access.models import Branch
from foundation.access.signing_in import day_of
from foundation.jobs.models import Bank, BusinessDate
from foundation.web import browsing
from foundation.web.browsing import BrowseAdmin, Choice, tier_pills
from members.facts import COUNTED
from members.models import Assignment, Consent, HouseholdMembership, Member, MemberFile, Merge
from membership_site import (
    caring,
    corrections,
    counter,
    file_pages,
    households,
    member_data,
    member_page,
    merges,
    protections,
    revealing,
    statuses,
)
from points.models import Freeze
from tiers.models import Programme, Standing, Tier


class InBranch(Choice):
    """Members of a branch and of everything under it; only the branches that the user sees are offered."""

    title = _("branch")
    parameter_name = "branch"

    def lookups(self, request, model_admin):
        seen = Branch.objects.order_by("path")
        if not request.user.is_superuser:
            seen = seen.under(
                visibility.paths(request.user, permission=visibility.SEE_MEMBERS, on=day_of(request.user))
            )
        return [(branch.path, "\N{EM SPACE}" * (branch.path.count("/") - 1) + str(branch)) for branch in seen]

    def queryset(self, request, queryset):
        return queryset.in_branches([self.value()]) if self.value() else queryset


class HoldingTier(Choice):
    """Members who hold a tier at present; the standard one is held by whoever holds nothing higher in its programme."""

    title = _("tier")
    parameter_name = "tier"

    def lookups(self, request, model_admin):
        tiers = Tier.objects.select_related("programme").order_by("programme_id", "rank")
        return [(str(tier.pk), f"{tier.programme} · {tier}") for tier in tiers]

    def queryset(self, request, queryset):
        if not self.value():
            return queryset
        tier = Tier.objects.get(pk=self.value())
        standings = Standing.objects.filter(member=OuterRef("pk"), programme=tier.programme_id)
        if tier.rank == 0:
            return queryset.filter(~Exists(standings.filter(tier__rank__gt=0)))
        return queryset.filter(Exists(standings.filter(tier=tier)))


class InState(Choice):
    """Members in a state (members/states.py)."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request, model_admin):
        return [("invited", _("invited")), *Member.Status.choices]

    def queryset(self, request, queryset):
        return queryset.in_state(self.value()) if self.value() else queryset


def tier_in(programme: Programme) -> Callable[[Member], str]:
    """Return the column of the tiers that members hold in `programme`, empty for the standard one."""

    @admin.display(description=str(programme))
    def column(member: Member) -> str:
        return tier_pills(standing.tier for standing in member.held if standing.programme_id == programme.pk)

    column.__name__ = f"tier_{programme.code}"
    return column


@admin.register(Member)
class MemberAdmin(BrowseAdmin):
    keyset = ("number",)
    list_filter = (InBranch, HoldingTier, caring.LookedAfter, InState)
    intro = _("By member number, names masked. Use the search box above for a name, a phone number or pinyin initials.")
    empty = _("No member here. Choose another branch or tier, or use the search box above.")

    def get_queryset(self, request):
        visible = Member.objects.visible_to(request.user, on=day_of(request.user)).select_related("branch", "person")
        if request.resolver_match.url_name == "members_member_change":
            # The page's statements are numbered: the last closed date and the bank's currency come with the member.
            closed = BusinessDate.objects.filter(status=BusinessDate.Status.CLOSED).order_by("-date").values("date")[:1]
            has_families = Exists(Bank.objects.filter(family_pool=True))
            manager = Assignment.objects.on(day_of(request.user)).filter(member=OuterRef("pk"))
            risk = GradeReport.objects.filter(member_id=OuterRef("pk"), scale=GradeReport.Scale.RISK)
            said = (
                Consent.objects.filter(member=OuterRef("pk")).order_by("text__purpose", "-id").distinct("text__purpose")
            )
            word = JSONObject(purpose="text__purpose", given="given")
            return visible.select_related("file").annotate(
                last_words=ArraySubquery(said.values(word=word)),
                is_frozen=Exists(Freeze.objects.filter(member=OuterRef("pk"), thawed_on=None)),
                risk_grade=Subquery(risk.order_by("-day", "-revision").values("grade")[:1]),
                last_closed=Subquery(closed),
                has_families=has_families,
                money=Subquery(Bank.objects.values("currency")[:1]),
                manager_name=Subquery(manager.values("manager__full_name")[:1]),
                managed_since=Subquery(manager.values("starts_on")[:1]),
                merge_id=Subquery(Merge.objects.standing().filter(gone=OuterRef("pk")).values("pk")[:1]),
                merged_number=Subquery(Member.objects.filter(pk=OuterRef("merged_into")).values("number")[:1]),
                merged_numbers=ArraySubquery(
                    Merge.objects.standing().filter(kept=OuterRef("pk")).order_by("pk").values("gone__number")
                ),
                in_household=Exists(HouseholdMembership.objects.open().filter(member=OuterRef("pk"))),
            )
        held = Standing.objects.filter(tier__rank__gt=0).select_related("tier")
        return visible.prefetch_related(Prefetch("standings", held, to_attr="held"))

    def get_urls(self) -> list:
        return [*counter.urls(self.admin_site), *protections.urls(self.admin_site), *super().get_urls()]

    def get_list_display(self, request):
        programmes = Programme.objects.order_by("-is_main", "id")
        return ("number", "name", *map(tier_in, programmes), "phone", "branch", "joined_on", "status_pill")

    @admin.display(description=_("name"))
    def name(self, member: Member) -> str:
        return member.person.masked_name

    @admin.display(description=_("phone"))
    def phone(self, member: Member) -> str:
        return member.person.masked_phone

    @admin.display(description=_("status"))
    def status_pill(self, member: Member) -> str:
        return browsing.pill(f"status-{member.state}", member.get_state_display())

    def page_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the member's page: his figures, and one tab of what lies behind them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        member = self.found(request, object_id)
        context = member_page.page(request, member=member, as_of=day_of(request.user))
        context["may_reveal"] = revealing.may_reveal(request, member) and hasattr(member, "person")
        context["may_assign"] = caring.may_assign(request, member)
        context["notices"], context["doings"] = statuses.notices(member), statuses.doings(request, member)
        context["may_see_data"] = member_data.may_see(request, member)
        context["may_mend"] = file_pages.may_mend(request, member)
        context["may_correct"] = corrections.may_correct(request, member)
        context["may_merge"] = merges.may_merge(request, member)
        context["may_undo"] = bool(member.merge_id) and request.user.has_perm(merges.MAY_REQUEST)
        context["may_house"] = households.may_edit(request, member)
        return self.admin_site.page(request, "admin/member.html", **context)


class Lacking(Choice):
    """Files in which a fact is missing."""

    title = _("missing")
    parameter_name = "missing"

    def lookups(self, request, model_admin):
        return [(fact.code, fact.label) for fact in COUNTED]

    def queryset(self, request, queryset):
        return queryset.filter(missing__contains=[self.value()]) if self.value() else queryset


class Stale(Lacking):
    """Files in which a fact was told too long ago."""

    title = _("stale")
    parameter_name = "stale"

    def queryset(self, request, queryset):
        return queryset.filter(stale__contains=[self.value()]) if self.value() else queryset


class DueForReview(Choice):
    """Files that are to be looked through by now."""

    title = _("review")
    parameter_name = "due"

    def lookups(self, request, model_admin):
        return [("now", _("due"))]

    def queryset(self, request, queryset):
        return queryset.filter(due_on__lte=day_of(request.user)) if self.value() else queryset


@admin.register(MemberFile)
class MemberFileAdmin(BrowseAdmin):
    keyset = ("score", "member_id")
    list_display = ("number", "name", "branch", "owner", "score_shown", "lacks", "stale_shown", "due")
    list_display_links = None
    list_filter = (InBranch, caring.LookedAfter, Lacking, Stale, DueForReview)
    intro = _("The lowest score first: what is missing, what was told too long ago, what is due for review.")
    empty = _("No file to mend here.")

    def get_queryset(self, request):
        today = day_of(request.user)
        manager = Assignment.objects.on(today).filter(member=OuterRef("pk")).values("manager__full_name")[:1]
        files = MemberFile.objects.visible_to(request.user, on=today).to_mend(on=today).exclude(score=None)
        return files.select_related("member__branch", "member__person").annotate(manager_name=Subquery(manager))

    @admin.display(description=_("member number"))
    def number(self, file: MemberFile) -> str:
        address = reverse("admin:members_member_change", args=[file.pk])
        return format_html('<a href="{}?tab=file">{}</a>', address, file.member.number)

    @admin.display(description=_("name"))
    def name(self, file: MemberFile) -> str:
        return file.member.person.masked_name if hasattr(file.member, "person") else ""

    @admin.display(description=_("branch"))
    def branch(self, file: MemberFile) -> str:
        return str(file.member.branch)

    @admin.display(description=_("kept by"))
    def owner(self, file: MemberFile) -> str:
        return file.manager_name or _("branch")

    @admin.display(description=_("score"))
    def score_shown(self, file: MemberFile) -> str:
        return f"{file.score} %"

    @admin.display(description=_("missing"))
    def lacks(self, file: MemberFile) -> str:
        return file_pages.labels(file.missing, most=3)

    @admin.display(description=_("stale"))
    def stale_shown(self, file: MemberFile) -> str:
        return file_pages.labels(file.stale, most=3)

    @admin.display(description=_("due for review on"))
    def due(self, file: MemberFile) -> str:
        return formats.date_format(file.due_on, "SHORT_DATE_FORMAT")
