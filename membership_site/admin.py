"""The members' list and page in the console. They stand here, above every app, since a member's page reads them all."""

from collections.abc import Callable

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Prefetch, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from foundation.access import visibility
from foundation.access.models import Branch
from foundation.access.signing_in import day_of
from foundation.jobs.models import Bank, BusinessDate
from foundation.web import browsing
from foundation.web.browsing import BrowseAdmin, Choice, tier_pills
from members.models import Assignment, Member
from membership_site import caring, corrections, counter, member_data, member_page, protections, revealing, statuses
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
            return visible.annotate(
                last_closed=Subquery(closed),
                has_families=has_families,
                money=Subquery(Bank.objects.values("currency")[:1]),
                manager_name=Subquery(manager.values("manager__full_name")[:1]),
                managed_since=Subquery(manager.values("starts_on")[:1]),
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
        context["may_correct"] = corrections.may_correct(request, member)
        return self.admin_site.page(request, "admin/member.html", **context)
