"""Programmes, their tiers and their rule books, and whose tier is protected, to read."""

import datetime

from django.contrib import admin
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from foundation.access.signing_in import day_of
from foundation.web.browsing import BrowseAdmin, Choice, Section, choose, tier_pills
from tiers import describing
from tiers.models import Programme, Protection, RuleBook
from tiers.protections import ENDS_ON

SOON = datetime.timedelta(days=30)


@admin.register(Programme)
class ProgrammeAdmin(BrowseAdmin):
    keyset = ("id",)
    list_display = ("name", "code", "ladder", "role")
    intro = _("Each programme has its own ladder of tiers. Where an earning rule names none, the main one multiplies.")

    @admin.display(description=_("name"))
    def name(self, programme: Programme) -> str:
        return str(programme)

    @admin.display(description=_("tiers"))
    def ladder(self, programme: Programme) -> str:
        tiers = sorted(programme.tiers.all(), key=lambda tier: tier.rank)
        return tier_pills(tiers)

    @admin.display(description=_("role"))
    def role(self, programme: Programme) -> str:
        return _("main programme") if programme.is_main else ""

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).prefetch_related("tiers")

    def facts(self, request: HttpRequest, programme: Programme) -> list:
        return [(_("code"), programme.code), (_("tiers"), self.ladder(programme))]

    def sections(self, request: HttpRequest, programme: Programme) -> list[Section]:
        books = programme.rule_books.order_by("-number")
        rows = [
            [link(book), book.in_force_from, book.validity_months or _("none"), book.get_downgrade_display()]
            for book in books
        ]
        headers = [_("rule book"), _("in force from"), _("validity in months"), _("downgrade")]
        return [Section(title=_("Rule books"), headers=headers, rows=rows, empty=_("No rule book yet."))]


def link(book: RuleBook) -> str:
    """Return the rule book as a link to its page."""
    return format_html('<a href="{}">{}</a>', reverse("admin:tiers_rulebook_change", args=[book.pk]), book)


@admin.register(RuleBook)
class RuleBookAdmin(BrowseAdmin):
    keyset = ("-in_force_from", "-id")
    list_display = ("__str__", "programme", "number", "in_force_from", "validity_months", "downgrade")
    list_select_related = ("programme",)
    intro = _("Each version stays as it was in force; the sentences are made from the rules themselves.")

    def facts(self, request: HttpRequest, book: RuleBook) -> list:
        return [
            (_("loyalty programme"), book.programme),
            (_("in force from"), book.in_force_from),
            (_("validity in months"), book.validity_months or _("none: each review decides afresh")),
            (_("downgrade"), book.get_downgrade_display()),
        ]

    def sections(self, request: HttpRequest, book: RuleBook) -> list[Section]:
        words = describing.describe(book)
        rows = [
            [
                tier_pills([row.tier]),
                row.entering,
                row.keeping or _("the same as to enter"),
                f"× {row.multiplier.normalize():f}",
            ]
            for row in words.tiers
        ]
        headers = [_("tier"), _("to enter"), _("to keep"), _("points multiplier")]
        return [
            Section(title=_("Tiers"), sentences=words.lasting, headers=headers, numbers=frozenset({3}), rows=rows),
            Section(title=_("What counts"), sentences=words.counting, empty=_("Nothing is measured.")),
        ]


class State(Choice):
    """Protections by when they end."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request, model_admin):
        return [("running", _("running")), ("soon", _("ending within 30 days")), ("over", _("over"))]

    def queryset(self, request, queryset):
        today = day_of(request.user)
        match self.value():
            case "running":
                return queryset.ending_after(today)
            case "soon":
                return queryset.ending_after(today).filter(last_day__lte=today + SOON)
            case "over":
                return queryset.filter(last_day__lte=today)
        return queryset


@admin.register(Protection)
class ProtectionAdmin(BrowseAdmin):
    keyset = ("is_over", "last_day", "id")
    list_display = ("member_link", "programme", "kind_shown", "tier_pill", "starts_on", "ends", "reason")
    list_display_links = None
    list_filter = (State, choose("kind"))
    list_select_related = ("member", "programme", "tier")
    intro = _("Invitations, freezes and overrides; those that end soonest stand first. A member's page has the forms.")
    empty = _("No tier is protected here.")

    def get_queryset(self, request: HttpRequest):
        today = day_of(request.user)
        is_over = ExpressionWrapper(Q(last_day__lte=today), output_field=BooleanField())
        visible = Protection.objects.visible_to(request.user, on=today)
        return visible.annotate(last_day=ENDS_ON).annotate(is_over=is_over)

    @admin.display(description=_("member"))
    def member_link(self, protection: Protection) -> str:
        address = reverse("admin:members_member_change", args=[protection.member_id])
        tab = f"{address}?tab=tier&programme={protection.programme.code}"
        return format_html('<a href="{}">{}</a>', tab, protection.member.number)

    @admin.display(description=_("kind"))
    def kind_shown(self, protection: Protection) -> str:
        return protection.get_kind_display()

    @admin.display(description=_("tier"))
    def tier_pill(self, protection: Protection) -> str:
        return tier_pills([protection.tier])

    @admin.display(description=_("until"))
    def ends(self, protection: Protection) -> datetime.date:
        return protection.ends_on
