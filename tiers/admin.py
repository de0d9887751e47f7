"""Programmes, their tiers and their rule books, to read."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from foundation.web.browsing import BrowseAdmin, Section, tier_pills
from tiers import describing, rehearsal_admin  # noqa: F401  (registers the rehearsals' pages)
from tiers.models import Programme, RuleBook


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
