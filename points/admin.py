"""The point currencies, and the business dates with their seals, to read. The ledger's own tables have no admin: a member's
page shows his purses."""

from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from foundation.jobs.admin import shown_at
from foundation.jobs.models import Bank, BusinessDate
from foundation.money import money
from foundation.web import browsing
from foundation.web.browsing import BrowseAdmin, choose
from points import expiring
from points.models import PointCurrency, Seal


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
        return " ".join(expiring.describe(currency))


@admin.register(BusinessDate)
class BusinessDateAdmin(BrowseAdmin):
    keyset = ("-date",)
    list_display = ("date", "status_pill", "closing", "closed", "seal")
    list_filter = (choose("status"),)
    intro = _(
        "A business date is open, then closing, then closed. What arrives while a date is closing is booked on the next."
    )
    list_display_links = None

    @admin.display(description=_("status"))
    def status_pill(self, date: BusinessDate) -> str:
        return browsing.status_pill(date)

    @admin.display(description=_("closing since"))
    def closing(self, date: BusinessDate) -> str:
        return shown_at(date.closing_at)

    @admin.display(description=_("closed at"))
    def closed(self, date: BusinessDate) -> str:
        return shown_at(date.closed_at)

    @admin.display(description=_("seal"))
    def seal(self, date: BusinessDate) -> str:
        return f"✓ {date.digest[:12]}" if date.digest else ""

    def get_queryset(self, request: HttpRequest):
        digest = Seal.objects.filter(pk=OuterRef("pk")).values("digest")
        return super().get_queryset(request).annotate(digest=Subquery(digest))
