"""A member's page in the console: who he is, his figures, and by tab what lies behind each of them.

Every tab reads its own rows by keys that begin with the member, so that the page costs the same with ten thousand entries.
"""

import datetime
from collections.abc import Callable
from typing import Any

from django.db.models import F, Prefetch, Q, Sum
from django.http import Http404, HttpRequest
from django.utils.translation import gettext_lazy as _

from activity.models import Activity, BalanceSnapshot, Holding, Reversal, Source
from campaigns import explaining
from foundation.access.signing_in import moment_of
from foundation.approvals.models import SEE_REQUESTS
from foundation.naming import worded
from foundation.web import paging
from foundation.web.browsing import past
from members import consents, families, spending
from members.models import Account, Consent, Member
from membership_site import counter, statuses
from membership_site.member_tier import tier_tab
from points import freezing, restoring, summaries
from points.models import Entry, Freeze, Lot, PointCurrency, PoolMonth, Purse, Redemption
from tiers import standings
from tiers.describing import Words

PAGE = 25
REDEMPTIONS = 10
SOON_DAYS = 90
NEVER = datetime.date(9999, 12, 31)
TIMELINE = ("-occurred_at", "-source_id", "-external_id")


def page(request: HttpRequest, *, member: Member, as_of: datetime.date) -> dict[str, Any]:
    """Return the page's context: the header, the figure cards, and the rows of the tab asked for (`?tab=`, the first by default)."""
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else next(iter(TABS))
    closed = member.last_closed or as_of
    words = Words(member.money)
    context = {
        "member": member,
        "title": member.number,
        "person": getattr(member, "person", None),
        "as_of": as_of,
        # Tiers are what the last review left; points and balances are of this moment.
        "closed": closed,
        "words": words,
        "purses": purses_of(member, as_of=as_of),
        "standings": standings.at(member_id=member.pk, day=closed),
        "balances": balances_of(member, as_of=as_of),
        "may_read_requests": request.user.has_perm(SEE_REQUESTS),
        "tab": tab,
        "tabs": [(name, label) for name, (label, _rows) in TABS.items() if name != "family" or member.has_families],
    }
    context["assets_minor"] = sum(snapshot.amount_minor for snapshot in context["balances"].values())
    context["reported_on"] = max((snapshot.day for snapshot in context["balances"].values()), default=None)
    return context | TABS[tab][1](request, context)


def purses_of(member: Member, *, as_of: datetime.date) -> list[dict[str, Any]]:
    """Return the member's purses, the spendable first: currency, balance of the day, and what lapses in 90 days by date."""
    currencies = PointCurrency.objects.in_bulk()
    lots = summaries.lots_left(member_ids=[member.pk])
    soon = lots.filter(expires_on__range=(as_of, as_of + datetime.timedelta(days=SOON_DAYS)))
    lapsing: dict[int, list[dict[str, Any]]] = {}
    for row in soon.values("currency_id", "expires_on").annotate(points=Sum("remaining")).order_by("expires_on"):
        lapsing.setdefault(row["currency_id"], []).append(row)
    purses = [
        {
            "currency": currencies[currency_id],
            # In an address a number must not be written with a thousands separator.
            "key": str(currency_id),
            "balance": balance,
            "lapsing": lapsing.get(currency_id, []),
            "lapsing_points": sum(row["points"] for row in lapsing.get(currency_id, [])),
        }
        for (_member, currency_id), balance in summaries.balances(member_ids=[member.pk], today=as_of).items()
    ]
    return sorted(purses, key=lambda purse: (purse["currency"].kind != PointCurrency.Kind.REWARD, purse["currency"].pk))


def balances_of(member: Member, *, as_of: datetime.date) -> dict[int, BalanceSnapshot]:
    """Return the last reported balance of each of the member's accounts, by account."""
    reported = BalanceSnapshot.objects.filter(member_id=member.pk, day__lte=as_of)
    last = reported.order_by("account_id", "-day", "-revision").distinct("account_id")
    return {snapshot.account_id: snapshot for snapshot in last}


def points_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return one purse (`?currency=`), a page of its entries below `?before=`, its open lots, and its latest redemptions."""
    purses = context["purses"]
    wanted = request.GET.get("currency", "")
    purse = next((purse for purse in purses if purse["key"] == wanted), next(iter(purses), None))
    if purse is None:
        return {"purse": None}
    purse_key = {"member_id": context["member"].pk, "currency_id": purse["currency"].pk}
    own = Q(**purse_key)
    entries = Entry.objects.filter(own).order_by("-number")
    before = request.GET.get("before", "")
    if before.isdecimal():
        entries = entries.filter(number__lt=int(before))
    rows = list(entries[: PAGE + 1])
    behind = Redemption.objects.behind(rows)
    for entry, reason in zip(rows, explaining.why_each(rows), strict=True):
        entry.reason, entry.redemption = reason, behind.get(entry.number)
        entry.approval = entry.cause.removeprefix("approval/") if entry.cause.startswith("approval/") else ""
    redemptions = list(Redemption.objects.filter(own).select_related("for_member").order_by("-id")[:REDEMPTIONS])
    for redemption in redemptions:
        redemption.is_open = restoring.is_open(redemption, at=moment_of(request.user))
    open_lots = Lot.objects.filter(own, remaining__gt=0, expires_on__gte=context["as_of"])
    lots = list(open_lots.order_by("expires_on", "number")[: PAGE + 1])
    return {
        "purse": purse,
        "row": Purse.objects.get(own),
        "freeze": Freeze.objects.standing(**purse_key).select_related("frozen_by").first(),
        "may_freeze": request.user.has_perm(freezing.MAY_FREEZE),
        "may_thaw": request.user.has_perm(freezing.MAY_THAW),
        "entries": rows[:PAGE],
        "before": str(rows[PAGE - 1].number) if len(rows) > PAGE else None,
        "is_first_page": not before,
        "lots": lots[:PAGE],
        "more_lots": len(lots) > PAGE,
        "never": NEVER,
        "redemptions": redemptions,
        "may_redeem": request.user.has_perm(counter.REDEEM) and not spending.kept_by(context["member"]),
    }


def timeline_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the member's activities, the latest first, from `?after=` on, each with the points it earned."""
    member = context["member"]
    activities = Activity.objects.filter(member_id=member.pk).order_by(*TIMELINE)
    if after := request.GET.get("after"):
        try:
            source_id, external_id = paging.decode(after, int, str)
            last = activities.get(source_id=source_id, external_id=external_id)
        except (paging.CursorUnreadable, Activity.DoesNotExist, ValueError) as error:
            raise Http404 from error
        activities = activities.filter(past(TIMELINE, last))
    rows, next_page = paging.page(list(activities[: PAGE + 1]), PAGE, lambda row: (row.source_id, row.external_id))
    sources = dict(Source.objects.values_list("id", "code"))
    causes = {f"activity/{sources.get(row.source_id)}/{row.external_id}": row for row in rows}
    earned: dict[str, list[tuple[PointCurrency, int]]] = {}
    currencies = {purse["currency"].pk: purse["currency"] for purse in context["purses"]}
    entries = Entry.objects.filter(member_id=member.pk, cause__in=causes)
    for row in entries.values("cause", "currency_id").annotate(points=Sum("points")).order_by("currency_id"):
        earned.setdefault(row["cause"], []).append((currencies[row["currency_id"]], row["points"]))
    reversals = Reversal.objects.filter(member_id=member.pk, original_external_id__in=[row.external_id for row in rows])
    refunded = {
        tuple(original): minor
        for *original, minor in reversals.values("original_source_id", "original_external_id")
        .annotate(minor=Sum("reversed_minor"))
        .values_list("original_source_id", "original_external_id", "minor")
    }
    for cause, activity in causes.items():
        activity.earned = earned.get(cause, [])
        activity.refunded_minor = refunded.get((activity.source_id, activity.external_id))
        words = (activity.purpose, activity.product, activity.merchant_category, activity.channel, activity.branch)
        activity.words = [worded(word) for word in (activity.kind, *words) if word]
    return {"activities": rows, "next_page": next_page, "is_first_page": not after}


def accounts_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the member's accounts with their last balances, and the products he holds, each by its last report."""
    open_first = F("closed_on").desc(nulls_first=True)
    accounts = Account.objects.filter(member=context["member"]).order_by(open_first, "opened_on", "id")
    holdings = Holding.objects.filter(member_id=context["member"].pk)
    last = holdings.order_by("source_id", "external_id", "-revision").distinct("source_id", "external_id")
    return {
        "accounts": [
            {
                "account": account,
                "masked": f"•••• {account.number[-4:]}",
                "balance": context["balances"].get(account.pk),
            }
            for account in accounts
        ],
        "holdings": sorted(last, key=lambda holding: (holding.closed_on is not None, holding.opened_on)),
    }


def consents_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return how the member stands to each purpose, and everything he said, the latest first; two queries and one."""
    member = context["member"]
    said = Consent.objects.filter(member=member).select_related("text").order_by("-id")
    return {"stands": consents.stands(member_id=member.pk, on=context["as_of"]), "said": said[:PAGE]}


def status_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the membership's moves, the latest first."""
    return {"moves": statuses.history(context["member"])}


def family_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the member's family as it stands, and what each may spend of the head's points this month.

    Others are named where the user may see them; the rest of the family is only counted in.
    """
    own = families.place_of(context["member"].pk)
    if own is None:
        return {"places": []}
    month = context["as_of"].replace(day=1)
    places = own.family.memberships.open().select_related("member__person").order_by("role", "accepted_at", "id")
    places = list(
        places.prefetch_related("grants__currency", Prefetch("months", PoolMonth.objects.filter(month=month)))
    )
    members = [one.member_id for one in places if one.member_id]
    visible = Member.objects.visible_to(request.user, on=context["as_of"]).filter(pk__in=members)
    seen = set(visible.values_list("pk", flat=True))
    for one in places:
        one.is_seen = one.member_id in seen
        used = {month.currency_id: month.points_used for month in one.months.all()}
        one.rights = [(grant, used.get(grant.currency_id, 0)) for grant in one.grants.all()]
    return {"places": places, "own_place": own}


TABS: dict[str, tuple[Any, Callable[[HttpRequest, dict[str, Any]], dict[str, Any]]]] = {
    "tier": (_("Tier"), tier_tab),
    "points": (_("Points"), points_tab),
    "timeline": (_("Time line"), timeline_tab),
    "accounts": (_("Accounts"), accounts_tab),
    "consents": (_("Consents"), consents_tab),
    "status": (_("Status"), status_tab),
    "family": (_("Family"), family_tab),
}
