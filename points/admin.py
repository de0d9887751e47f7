"""The point currencies, and the business dates with their seals, to read. The ledger's own tables have no admin: a member's
page shows his purses."""

from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from foundation.access import visibility
from foundation.access.signing_in import day_of
from foundation.jobs import clock
from foundation.jobs.admin import shown_at
from foundation.jobs.models import Bank, BusinessDate
from foundation.money import money, number
from foundation.web import browsing
from foundation.web.browsing import BrowseAdmin, Section, choose
from points import expiring, forecasting
from points.models import PointCurrency, Seal

SEE_TOTALS = "points.view_totals"


@admin.register(PointCurrency)
class PointCurrencyAdmin(BrowseAdmin):
    keyset = ("id",)
    list_display = ("name", "code", "kind", "expiry", "worth")
    list_filter = (choose("kind"),)
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

    def facts(self, request: HttpRequest, currency: PointCurrency) -> list:
        return [(_("code"), currency.code), (_("kind"), currency.get_kind_display())]

    def sections(self, request: HttpRequest, currency: PointCurrency) -> list[Section]:
        if currency.kind == PointCurrency.Kind.GROWTH:
            return [Section(title=_("expiry"), sentences=[_("Growth points never lapse.")])]
        told = [Section(title=_("expiry"), sentences=expiring.describe(currency))]
        # It sums up all members: who may sum up a part of the bank only must not read it.
        if visibility.sees_the_bank(request.user, permission=SEE_TOTALS, on=day_of(request.user)):
            told.append(self._forecast(currency))
        return told

    def _forecast(self, currency: PointCurrency) -> Section:
        """Return what lapses when, over all members, and what it is worth where the bank has said so."""
        forecast = forecasting.of_bank(currency=currency, today=clock.today())
        months = [
            (format_html("{}{}", date_format(first, "YEAR_MONTH_FORMAT"), _bar(left.points, forecast.most)), left)
            for first, left in forecast.months.items()
        ]
        rows = [
            (
                label,
                number(left.points),
                number(left.lots),
                "–"
                if currency.worth_minor is None
                else money(left.points * currency.worth_minor, currency=currency.money),
            )
            for label, left in [*months, (_("later"), forecast.later), (_("without a last day"), forecast.undated)]
        ]
        return Section(
            title=_("What lapses when"),
            sentences=[_("If nothing more is spent; of all members, as of now, what is pending included.")],
            headers=(_("month"), _("points"), _("credits"), _("worth")),
            rows=rows,
            numbers=frozenset({1, 2, 3}),
        )


def _bar(points: int, most: int) -> str:
    """Draw points beside the most of any month, for the eye alone: the figure stands next to it."""
    return format_html(
        '<svg class="bar lapsing" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rail" width="100" height="8"/><rect width="{}" height="8"/></svg>',
        points * 100 // most if most else 0,
    )


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
