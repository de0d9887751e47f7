"""The point currencies, to read. The ledger's own tables have no admin: a member's page shows his purses."""

from django.contrib import admin
from django.db.models import Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from foundation.jobs.models import Bank
from foundation.money import money
from foundation.web.browsing import BrowseAdmin, choose
from points.models import PointCurrency


@admin.register(PointCurrency)
class PointCurrencyAdmin(BrowseAdmin):
    keyset = ("id",)
    list_display = ("name", "code", "kind", "expiry", "worth")
    list_filter = (choose("kind"),)
    list_display_links = None
    intro = _("Reward points can be spent and lapse; growth points count for tiers only.")

    @admin.display(description=_("name"))
    def name(self, currency: PointCurrency) -> str:
        return str(currency)

    @admin.display(description=_("worth of 100 points"))
    def worth(self, currency: PointCurrency) -> str:
        return "" if currency.worth_minor is None else money(currency.worth_minor * 100, currency=currency.money)

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).annotate(money=Subquery(Bank.objects.values("currency")[:1]))

    @admin.display(description=_("expiry"))
    def expiry(self, currency: PointCurrency) -> str:
        if currency.expiry_months is None:
            return _("never")
        return _("last day of the month, %(months)s months on") % {"months": currency.expiry_months}
