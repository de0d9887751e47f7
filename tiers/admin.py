"""Programmes, their tiers and their rule books, and whose tier is protected, to read; the drafts of new rules, in their editor."""

import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from foundation.access.signing_in import day_of
from foundation.jobs.admin import shown_at
from foundation.web import browsing
from foundation.web.browsing import BrowseAdmin, Choice, Section, choose, tier_pills
from tiers import describing, editing, enacting, proposing, rehearsal_admin  # noqa: F401  (registers the rehearsals' pages)
from tiers.models import Draft, Programme, Protection, RuleBook
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
        books = programme.rule_books.select_related("programme", "withdrawal").order_by("-number")
        present = proposing.book_in_force(programme, as_of=day_of(request.user))
        rows = [
            [
                link(book),
                book.in_force_from,
                state(book, present),
                book.validity_months or _("none"),
                book.get_downgrade_display(),
            ]
            for book in books
        ]
        headers = [_("rule book"), _("in force from"), _("state"), _("validity in months"), _("downgrade")]
        return [Section(title=_("Rule books"), headers=headers, rows=rows, empty=_("No rule book yet."))]


def link(book: RuleBook) -> str:
    """Return the rule book as a link to its page."""
    return format_html('<a href="{}">{}</a>', reverse("admin:tiers_rulebook_change", args=[book.pk]), book)


def state(book: RuleBook, present: RuleBook | None) -> str:
    """Return what has become of a version, as a pill, beside the one in force at present."""
    if hasattr(book, "withdrawal"):
        return browsing.pill("status-failed", _("withdrawn"))
    if book == present:
        return browsing.pill("status-done", _("in force"))
    if present is None or book.in_force_from > present.in_force_from:
        return browsing.pill("status-pending", _("to come"))
    return browsing.pill("", _("replaced"))


@admin.register(RuleBook)
class RuleBookAdmin(BrowseAdmin):
    keyset = ("-in_force_from", "-id")
    list_display = ("__str__", "programme", "number", "in_force_from", "withdrawn", "validity_months", "downgrade")
    list_select_related = ("programme", "withdrawal")
    intro = _("Each version stays as it was in force; the sentences are made from the rules themselves.")

    @admin.display(description=_("withdrawn"))
    def withdrawn(self, book: RuleBook) -> str:
        return book.withdrawal.withdrawn_on if hasattr(book, "withdrawal") else ""

    def get_urls(self) -> list:
        return [*editing.of_books(), *super().get_urls()]

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).select_related("programme", "withdrawal")

    def verb(self, request: HttpRequest, book: RuleBook) -> dict[str, Any] | None:
        if not editing.may_propose(request):
            return None
        address = f"{reverse('admin:tiers_draft_begin')}?programme={book.programme_id}&start=version-{book.pk}"
        return {"url": address, "label": _("Begin a draft from it")}

    def more_verbs(self, request: HttpRequest, book: RuleBook) -> list[dict[str, Any]]:
        if not editing.may_propose(request) or hasattr(book, "withdrawal"):
            return []
        today = day_of(request.user)
        if book.in_force_from >= enacting.first_start(as_of=today):
            return [
                {"url": reverse("admin:tiers_rulebook_withdraw", args=[book.pk]), "label": _("Withdraw this version")}
            ]
        if book == proposing.book_in_force(book.programme, as_of=today):
            return []
        return [{"url": reverse("admin:tiers_rulebook_back", args=[book.pk]), "label": _("Go back to this version")}]

    def facts(self, request: HttpRequest, book: RuleBook) -> list:
        present = proposing.book_in_force(book.programme, as_of=day_of(request.user))
        withdrawal = getattr(book, "withdrawal", None)
        return [
            (_("loyalty programme"), book.programme),
            (_("in force from"), book.in_force_from),
            (_("state"), state(book, present)),
            (_("withdrawn on"), withdrawal and withdrawal.withdrawn_on),
            (_("why it was withdrawn"), withdrawal and withdrawal.reason),
            (_("protected until"), book.protected_until),
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


@admin.register(Draft)
class DraftAdmin(BrowseAdmin):
    keyset = ("-edited_at", "-id")
    list_display = ("name", "programme", "state_pill", "based_on", "who", "when")
    list_filter = (choose("state"),)
    list_select_related = ("programme", "based_on__programme", "edited_by")
    intro = _(
        "Rules being written. A draft is rehearsed, asked for and approved by another person before it is in force."
    )
    empty = _("No draft yet. Begin one from the version in force, or from a template.")

    @admin.display(description=_("state"))
    def state_pill(self, draft: Draft) -> str:
        kinds = {Draft.State.OPEN: "status-open", Draft.State.APPROVED: "status-approved"}
        return browsing.pill(kinds.get(draft.state, ""), draft.get_state_display())

    @admin.display(description=_("edited by"))
    def who(self, draft: Draft) -> str:
        return draft.edited_by.get_full_name()

    @admin.display(description=_("edited at"))
    def when(self, draft: Draft) -> str:
        return shown_at(draft.edited_at)

    def get_urls(self) -> list:
        return [*editing.of_drafts(), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        verb = {"url": reverse("admin:tiers_draft_begin"), "label": _("Begin a draft")}
        return super().changelist_view(request, {"verb": verb if editing.may_propose(request) else None})

    def page_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the editor."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return editing.page(request, self.found(request, object_id))

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).select_related("programme", "based_on__programme", "rule_book__programme")
