"""A member's page in the console: who he is, his figures, and by tab what lies behind each of them.

Every tab reads its own rows by keys that begin with the member, so that the page costs the same with ten thousand entries.
"""

import datetime
from collections.abc import Callable
from typing import Any

from django.db.models import Q, Sum
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from activity.models import Activity, BalanceSnapshot, Holding, Source
from foundation.jobs.models import Bank
from members.models import Account, Member
from points.models import Entry, Lot, PointCurrency, Purse
from tiers.models import Decision, Programme, Standing

PAGE = 25
SOON_DAYS = 90
NEVER = datetime.date(9999, 12, 31)


def page(request: HttpRequest, *, member: Member, as_of: datetime.date) -> dict[str, Any]:
    """Return the page's context: the header, the figure cards, and the rows of the tab asked for (`?tab=`, the first by default)."""
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else next(iter(TABS))
    purses = purses_of(member, as_of=as_of)
    standings = standings_of(member)
    accounts = accounts_of(member, as_of=as_of)
    context = {
        "member": member,
        "title": member.number,
        "person": getattr(member, "person", None),
        "as_of": as_of,
        "bank": Bank.objects.first(),
        "purses": purses,
        "standings": standings,
        "accounts": accounts,
        "assets_minor": sum(account.amount_minor for account in accounts if account.amount_minor is not None),
        "tab": tab,
        "tabs": [(name, label) for name, (label, _rows) in TABS.items()],
    }
    return context | TABS[tab][1](request, context)


def purses_of(member: Member, *, as_of: datetime.date) -> list[Purse]:
    """Return the member's purses, each with its currency, what lapses within 90 days, and the first date of that."""
    currencies = PointCurrency.objects.in_bulk()
    lots = Lot.objects.filter(member_id=member.pk, remaining__gt=0)
    soon = lots.filter(expires_on__range=(as_of, as_of + datetime.timedelta(days=SOON_DAYS)))
    lapsing: dict[int, list[dict[str, Any]]] = {}
    for row in soon.values("currency_id", "expires_on").annotate(points=Sum("remaining")).order_by("expires_on"):
        lapsing.setdefault(row["currency_id"], []).append(row)
    purses = list(Purse.objects.filter(member_id=member.pk).order_by("currency_id"))
    for purse in purses:
        purse.currency = currencies[purse.currency_id]
        # In an address a number must not be written with a thousands separator.
        purse.key = str(purse.currency_id)
        purse.lapsing = lapsing.get(purse.currency_id, [])
        purse.lapsing_points = sum(row["points"] for row in purse.lapsing)
        purse.balance = purse.available + purse.pending - purse.owed
    # What can be spent comes first.
    return sorted(purses, key=lambda purse: (purse.currency.kind != "reward", purse.currency_id))


def standings_of(member: Member) -> list[dict[str, Any]]:
    """Return, for every programme, the member's tier (the standard one without a standing), since when and until when."""
    held = {s.programme_id: s for s in Standing.objects.filter(member=member).select_related("tier", "decision__rule_book")}
    standings = []
    for programme in Programme.objects.prefetch_related("tiers").order_by("-is_main", "id"):
        ladder = sorted(programme.tiers.all(), key=lambda tier: tier.rank)
        standing = held.get(programme.pk)
        standings.append(
            {
                "programme": programme,
                "tier": standing.tier if standing else next(iter(ladder), None),
                "since": standing.since if standing else member.joined_on,
                "valid_until": standing.valid_until if standing else None,
                "decision": standing.decision if standing else None,
            }
        )
    return [standing for standing in standings if standing["tier"]]


def accounts_of(member: Member, *, as_of: datetime.date) -> list[Account]:
    """Return the member's accounts, each with its last reported balance and the day of it."""
    last = {
        row.account_id: row
        for row in BalanceSnapshot.objects.filter(member_id=member.pk, day__lte=as_of)
        .order_by("account_id", "-day", "-revision")
        .distinct("account_id")
    }
    accounts = list(Account.objects.filter(member=member).order_by("opened_on", "id"))
    for account in accounts:
        snapshot = last.get(account.pk)
        account.masked = f"•••• {account.number[-4:]}"
        account.amount_minor, account.day = (snapshot.amount_minor, snapshot.day) if snapshot else (None, None)
    return accounts


def tier_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return why the member holds the tiers he holds, and every decision that led there."""
    decisions = Decision.objects.filter(member=context["member"]).select_related("programme", "from_tier", "to_tier", "rule_book")
    return {"decisions": decisions.order_by("-as_of", "programme_id")[:PAGE]}


def points_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return one purse (`?currency=`), a page of its entries below `?before=`, and its open lots."""
    purses = context["purses"]
    wanted = request.GET.get("currency", "")
    purse = next((purse for purse in purses if purse.key == wanted), next(iter(purses), None))
    if purse is None:
        return {"purse": None}
    own = Q(member_id=context["member"].pk, currency_id=purse.currency_id)
    entries = Entry.objects.filter(own).order_by("-number")
    before = request.GET.get("before", "")
    if before.isdecimal():
        entries = entries.filter(number__lt=int(before))
    rows = list(entries[: PAGE + 1])
    lots = Lot.objects.filter(own, remaining__gt=0, expires_on__gte=context["as_of"]).order_by("expires_on", "number")
    return {
        "purse": purse,
        "entries": rows[:PAGE],
        "before": str(rows[PAGE - 1].number) if len(rows) > PAGE else None,
        "is_first_page": not before,
        "lots": lots[:PAGE],
        "never": NEVER,
    }


def timeline_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the member's latest activities, each with the points it earned."""
    member = context["member"]
    activities = list(Activity.objects.filter(member_id=member.pk).order_by("-occurred_at", "source_id", "external_id")[:PAGE])
    sources = dict(Source.objects.values_list("id", "code"))
    currencies = {purse.currency_id: purse.currency for purse in context["purses"]}
    earned: dict[str, list[tuple[PointCurrency, int]]] = {}
    causes = {f"activity/{sources.get(row.source_id)}/{row.external_id}": row for row in activities}
    sums = Entry.objects.filter(member_id=member.pk, cause__in=causes).values("cause", "currency_id").annotate(points=Sum("points"))
    for row in sums.order_by("cause", "currency_id"):
        earned.setdefault(row["cause"], []).append((currencies[row["currency_id"]], row["points"]))
    for cause, row in causes.items():
        row.earned = earned.get(cause, [])
        row.details = [text for text in (row.purpose, row.product, row.merchant_category, row.channel, row.branch) if text]
    return {"activities": activities}


def accounts_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the products the member holds, each by its last report."""
    holdings = Holding.objects.filter(member_id=context["member"].pk)
    last = holdings.order_by("source_id", "external_id", "-revision").distinct("source_id", "external_id")
    return {"holdings": sorted(last, key=lambda holding: (holding.closed_on is not None, holding.opened_on))}


TABS: dict[str, tuple[Any, Callable[[HttpRequest, dict[str, Any]], dict[str, Any]]]] = {
    "tier": (_("Tier: why?"), tier_tab),
    "points": (_("Points"), points_tab),
    "timeline": (_("Time line"), timeline_tab),
    "accounts": (_("Accounts"), accounts_tab),
}
