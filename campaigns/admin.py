"""The earning rules, to read."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from campaigns import describing
from campaigns.models import EarningRule
from foundation.web.browsing import BrowseAdmin, Section


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
