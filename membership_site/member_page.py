"""A member's page in the console: who he is, his figures, and by tab what lies behind each of them.

Every tab reads its own rows by keys that begin with the member, so that the page costs the same with ten thousand entries.
"""

import datetime
from collections.abc import Callable
from typing import Any

from django.db.models import Q, Sum
from django.http import Http404, HttpRequest
from django.utils.translation import gettext_lazy as _

from activity.models import Activity, BalanceSnapshot, Holding, Source
from campaigns import explaining
from foundation.jobs.models import Bank
from foundation.web import paging
from foundation.web.browsing import past
from members.models import Account, Member
from points import summaries
from points.models import Entry, Lot, PointCurrency, Purse
from tiers.models import Decision, Programme, Standing

PAGE = 25
SOON_DAYS = 90
NEVER = datetime.date(9999, 12, 31)
TIMELINE = ("-occurred_at", "-source_id", "-external_id")


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
    """Return the member's purses, the spendable first, each with its currency, its balance of the day, what lapses in 90 days."""
    currencies = PointCurrency.objects.in_bulk()
    lots = Lot.objects.filter(member_id=member.pk, remaining__gt=0)
    soon = lots.filter(expires_on__range=(as_of, as_of + datetime.timedelta(days=SOON_DAYS)))
    lapsing: dict[int, list[dict[str, Any]]] = {}
    for row in soon.values("currency_id", "expires_on").annotate(points=Sum("remaining")).order_by("expires_on"):
        lapsing.setdefault(row["currency_id"], []).append(row)
    purses = list(Purse.objects.filter(member_id=member.pk).order_by("currency_id"))
    balances = summaries.balances(member_ids=[member.pk], today=as_of)
    for purse in purses:
        purse.currency = currencies[purse.currency_id]
        # In an address a number must not be written with a thousands separator.
        purse.key = str(purse.currency_id)
        purse.balance = balances[purse.pk]
        purse.lapsing = lapsing.get(purse.currency_id, [])
        purse.lapsing_points = sum(row["points"] for row in purse.lapsing)
    return sorted(purses, key=lambda purse: (purse.currency.kind != "reward", purse.currency_id))


def standings_of(member: Member) -> list[dict[str, Any]]:
    """Return, for every programme, the member's tier (the standard one without a standing), since when and until when."""
    held = {s.programme_id: s for s in Standing.objects.filter(member=member).select_related("tier")}
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
    decisions = Decision.objects.filter(member=context["member"]).select_related(
        "programme", "from_tier", "to_tier", "rule_book"
    )
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
    for entry, reason in zip(rows, explaining.why_each(rows), strict=True):
        entry.reason = reason
    open_lots = Lot.objects.filter(own, remaining__gt=0, expires_on__gte=context["as_of"])
    lots = list(open_lots.order_by("expires_on", "number")[: PAGE + 1])
    return {
        "purse": purse,
        "entries": rows[:PAGE],
        "before": str(rows[PAGE - 1].number) if len(rows) > PAGE else None,
        "is_first_page": not before,
        "lots": lots[:PAGE],
        "more_lots": len(lots) > PAGE,
        "never": NEVER,
    }


def timeline_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the member's activities, the latest first, from `?after=` on, each with the points it earned."""
    member = context["member"]
    activities = Activity.objects.filter(member_id=member.pk).order_by(*TIMELINE)
    if after := request.GET.get("after"):
        try:
            source_id, external_id = paging.decode(after, int, str)
            last = activities.get(source_id=source_id, external_id=external_id)
        except (paging.CursorUnreadable, Activity.DoesNotExist) as error:
            raise Http404 from error
        activities = activities.filter(past(TIMELINE, last))
    rows, next_page = paging.page(list(activities[: PAGE + 1]), PAGE, lambda row: (row.source_id, row.external_id))
    sources = dict(Source.objects.values_list("id", "code"))
    causes = {f"activity/{sources.get(row.source_id)}/{row.external_id}": row for row in rows}
    earned: dict[str, list[tuple[PointCurrency, int]]] = {}
    currencies = {purse.currency_id: purse.currency for purse in context["purses"]}
    entries = Entry.objects.filter(member_id=member.pk, cause__in=causes)
    for row in entries.values("cause", "currency_id").annotate(points=Sum("points")).order_by("currency_id"):
        earned.setdefault(row["cause"], []).append((currencies[row["currency_id"]], row["points"]))
    for cause, activity in causes.items():
        activity.earned = earned.get(cause, [])
        words = (activity.purpose, activity.product, activity.merchant_category, activity.channel, activity.branch)
        activity.words = [word.replace("_", " ") for word in (activity.kind, *words) if word]
    return {"activities": rows, "next_page": next_page, "is_first_page": not after}


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
