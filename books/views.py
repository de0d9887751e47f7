"""The books in the console: liability, daily totals with the journal, breakage and cost, reconciliation. They only read."""

import datetime
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, register_converter
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from books import estimating, journalling, reading, reporting, totalling
from books.models import NEVER_MONTH, NO_MONTH, DailyBalance
from books.reporting import Liability, Part
from foundation.access import visibility
from foundation.access.models import Branch
from foundation.access.signing_in import day_of, moment_of
from foundation.jobs.models import Bank
from foundation.periods import add_months
from foundation.web.downloading import download, download_csv
from points.models import PointCurrency

SEE_BOOKS = "points.view_books"
COST_MONTHS = 12
LIABILITY_HEADER = ("as_of", "point_currency", "by", "of", "points", "amount")


class DateConverter:
    """A date in an address, as 2026-03-02."""

    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, value: str) -> datetime.date:
        return datetime.date.fromisoformat(value)

    def to_url(self, value: datetime.date) -> str:
        return value.isoformat()


register_converter(DateConverter, "day")


def scope(request: HttpRequest) -> list[int] | None:
    """Return the branches whose books the user may read: None for the whole bank; refuse who may read none."""
    user = request.user
    if not user.has_perm(SEE_BOOKS):
        raise PermissionDenied
    if user.is_superuser:
        return None
    seen = Branch.objects.under(visibility.paths(user, permission=SEE_BOOKS, on=day_of(user)))
    if not Branch.objects.exclude(pk__in=seen).exists():
        return None
    return list(seen.values_list("pk", flat=True))


def refuse_unless_whole_bank(request: HttpRequest) -> None:
    """Refuse who may not read the books of every branch: totals and journal are the bank's."""
    if scope(request) is not None:
        raise PermissionDenied


def asked_date(request: HttpRequest) -> datetime.date | None:
    """Return the last totalled date by `?as_of=`, or the last of all; None before the first."""
    try:
        asked = parse_date(request.GET.get("as_of", ""))
    except ValueError:
        asked = None
    return totalling.last_totalled(before=asked and asked + datetime.timedelta(days=1))


def show(request: HttpRequest, name: str, **context: Any) -> HttpResponse:
    """Render one of the books' pages with the bank at hand."""
    page = {**site.each_context(request), "bank": Bank.objects.first(), **context}
    return TemplateResponse(request, f"admin/books_{name}.html", page)


def liability(request: HttpRequest) -> HttpResponseBase:
    """Show what is owed to members on a date, by branch, campaign and month of expiry; `?format=csv` gives the same as a file."""
    branches, as_of = scope(request), asked_date(request)
    found = reporting.liability(as_of=as_of, branches=branches) if as_of else []
    if as_of and request.GET.get("format") == "csv":
        return download(
            name=f"liability-{as_of}",
            form="csv",
            title=_("Liability"),
            headers=LIABILITY_HEADER,
            rows=_rows(found, as_of),
            at=moment_of(request.user),
        )
    currencies = [
        {
            "liability": one,
            "tables": [
                (_("By branch"), _("branch"), _shown(one.branches)),
                (_("By campaign"), _("campaign"), _shown(one.campaigns)),
                (_("By month of expiry"), _("expires in"), _shown(one.months)),
            ],
        }
        for one in found
    ]
    return show(request, "liability", title=_("Liability"), as_of=as_of, currencies=currencies, whole=branches is None)


def days(request: HttpRequest) -> HttpResponse:
    """Show the control totals of the latest business dates, those before `?before=`."""
    refuse_unless_whole_bank(request)
    try:
        before = parse_date(request.GET.get("before", ""))
    except ValueError:
        before = None
    listed, earlier = reading.days(before=before)
    return show(request, "days", title=_("Daily totals"), days=listed, earlier=earlier, is_first_page=before is None)


def day(request: HttpRequest, date: datetime.date) -> HttpResponse:
    """Show one date: its balances, its totals by kind, its journal and its seal."""
    refuse_unless_whole_bank(request)
    if not totalling.has_totals(date):
        raise Http404
    return show(request, "day", title=_("Totals of a date"), date=date, **reading.day(date))


def journal_file(request: HttpRequest, date: datetime.date) -> HttpResponseBase:
    """Give the general ledger's file of a date."""
    refuse_unless_whole_bank(request)
    try:
        content = journalling.file(date)
    except journalling.DateHasNoJournal as refusal:
        raise Http404(str(refusal)) from refusal
    return download_csv(name=f"gl-{date}", pieces=[content])


def breakage(request: HttpRequest) -> HttpResponse:
    """Show how many points are expected to expire unused, the liability net of them, and what a point has cost."""
    refuse_unless_whole_bank(request)
    as_of = asked_date(request)
    balances = DailyBalance.objects.filter(business_date=as_of, currency__kind=PointCurrency.Kind.REWARD)
    currencies = []
    for balance in balances.select_related("currency").order_by("currency_id"):
        estimate = estimating.estimate(currency_id=balance.currency_id, as_of=balance.business_date)
        first = add_months(balance.business_date, -COST_MONTHS) + datetime.timedelta(days=1)
        campaigns, branches = reporting.costs(currency=balance.currency, first=first, last=balance.business_date)
        currencies.append(
            {
                "balance": balance,
                "estimate": estimate,
                "is_known": isinstance(estimate, estimating.Estimate),
                "net": _net(balance, estimate),
                "costs": [
                    (_("Cost by campaign"), _("campaign"), campaigns),
                    (_("Cost by branch"), _("branch"), branches),
                ],
                "first": first,
            }
        )
    return show(request, "breakage", title=_("Breakage and cost"), as_of=as_of, currencies=currencies)


def reconciliation(request: HttpRequest) -> HttpResponse:
    """Show whether the books tie: the last proof of all purses, the last recheck of seals, the last dates."""
    refuse_unless_whole_bank(request)
    listed, _earlier = reading.days(before=None, limit=7)
    return show(request, "reconciliation", title=_("Reconciliation"), days=listed, **reading.proofs())


def urls(view: Callable) -> list[URLPattern]:
    """Return the books' addresses, each behind the console's `view`."""
    return [
        path("books/liability/", view(liability), name="books_liability"),
        path("books/days/", view(days), name="books_days"),
        path("books/days/<day:date>/", view(day), name="books_day"),
        path("books/days/<day:date>/gl.csv", view(journal_file), name="books_journal"),
        path("books/breakage/", view(breakage), name="books_breakage"),
        path("books/reconciliation/", view(reconciliation), name="books_reconciliation"),
    ]


def _net(balance: DailyBalance, estimate: Any) -> dict[str, int] | None:
    """Return the liability net of breakage with its band, and with breakage taken in proportion, in minor units."""
    if balance.worth_minor is None or not isinstance(estimate, estimating.Estimate):
        return None

    def less(points: int) -> int:
        return journalling.minor(balance.closing - points, balance.worth_minor)

    return {
        "likely": less(estimate.breakage),
        "low": less(estimate.high),
        "high": less(estimate.low),
        "breakage": journalling.minor(estimate.breakage, balance.worth_minor),
        "deferred": reporting.deferred_minor(balance=balance, breakage=estimate.breakage),
    }


def named(of: Any) -> str:
    """Return how a part of the liability is called: a branch, a campaign, a month of expiry."""
    if of is None:
        return _("no earning rule")
    if of == NO_MONTH:
        return _("owed, in no lot")
    if of == NEVER_MONTH:
        return _("never")
    return date_format(of, "YEAR_MONTH_FORMAT") if isinstance(of, datetime.date) else str(of)


def _shown(parts: list[Part]) -> list[dict[str, Any]]:
    """Return parts with their names, and widths of bars out of 100 as texts, since machines read them."""
    largest = max((part.points for part in parts), default=0)
    return [
        {
            "name": named(part.of),
            "points": part.points,
            "amount": part.amount_minor,
            "width": f"{100 * max(part.points, 0) / largest:.2f}" if largest > 0 else "0",
        }
        for part in parts
    ]


def _rows(found: list[Liability], as_of: datetime.date) -> Iterable[tuple[Any, ...]]:
    for one in found:
        for by, parts in (("branch", one.branches), ("campaign", one.campaigns), ("month", one.months)):
            for part in parts:
                amount = "" if part.amount_minor is None else Decimal(part.amount_minor).scaleb(-2)
                yield (as_of, one.currency.code, by, named(part.of), part.points, amount)
