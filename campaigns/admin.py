"""The earning rules, and the clawbacks that were refused, to read."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from campaigns import describing
from campaigns.models import EarningRule, RefusedClawback
from foundation.money import number
from foundation.web.browsing import BrowseAdmin, Section, choose


@admin.register(EarningRule)
class EarningRuleAdmin(BrowseAdmin):
    keyset = ("code",)
    list_display = ("name", "code")
    intro = _("What an activity earns; the sentences are made from the rules themselves.")

    @admin.display(description=_("name"))
    def name(self, rule: EarningRule) -> str:
        return str(rule)

    def facts(self, request: HttpRequest, rule: EarningRule) -> list:
        return [(_("code"), rule.code), (_("versions"), rule.versions.count())]

    def sections(self, request: HttpRequest, rule: EarningRule) -> list[Section]:
        return [
            Section(title=_("Version %(number)s") % {"number": version.number}, sentences=describing.describe(version))
            for version in rule.versions.order_by("-number")
        ]


@admin.register(RefusedClawback)
class RefusedClawbackAdmin(BrowseAdmin):
    keyset = ("-id",)
    list_display = ("cause", "rule", "shown_points", "currency", "occurred_on", "reason")
    list_display_links = None
    list_select_related = ("currency", "rule_version__rule")
    list_filter = (choose("reason"),)
    intro = _("Points of refunded activities that were not taken back, once and for all. The refund itself stands.")
    empty = _("Nothing was refused.")

    @admin.display(description=_("earning rule"))
    def rule(self, row: RefusedClawback) -> str:
        return str(row.rule_version.rule)

    @admin.display(description=_("points"))
    def shown_points(self, row: RefusedClawback) -> str:
        return number(-row.points)
