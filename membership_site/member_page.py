"""A member's page in the console: who he is, his figures and flags, and by tab what lies behind each of them.

Every tab reads its own rows by keys that begin with the member, so that the page costs the same with ten thousand entries.
"""

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import F, Prefetch, Q
from django.http import Http404, HttpRequest
from django.utils.translation import gettext_lazy as _

from activity.models import BalanceSnapshot, Holding
from campaigns import explaining
from foundation.access.signing_in import moment_of
from foundation.approvals.models import SEE_REQUESTS
from foundation.web import paging
from members import consents, families, spending
from members.models import Account, Consent, Member
from membership_site import counter, exploring, file_pages, statuses, time_line
from membership_site.member_tier import tier_tab
from points import freezing, restoring, summaries
from points.models import Entry, Freeze, Lot, PointCurrency, PoolMonth, Purse, Redemption
from tiers import standings
from tiers.describing import Words
from tiers.explaining import lacking_next

PAGE = 25
REDEMPTIONS = 10
SOON_DAYS = 90
NEVER = datetime.date(9999, 12, 31)


def page(request: HttpRequest, *, member: Member, as_of: datetime.date) -> dict[str, Any]:
    """Return the page's context: the header, the figure cards, and the rows of the tab asked for (`?tab=`, the first by default)."""
    tabs = tabs_of(request, member)
    tab = request.GET.get("tab", "")
    tab = tab if tab in dict(tabs) else next(iter(TABS))
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
        "tabs": tabs,
        "said": frozenset(word["purpose"] for word in member.last_words if word["given"]),
    }
    context["assets_minor"] = sum(snapshot.amount_minor for snapshot in context["balances"].values())
    context["reported_on"] = max((snapshot.day for snapshot in context["balances"].values()), default=None)
    context |= TABS[tab][1](request, context)
    return context | {"gap": _gap(context)}


def tabs_of(request: HttpRequest, member: Member) -> list[tuple[str, Any]]:
    """Return the tabs that the bank has and the user may open, each with its label."""
    hidden = {"family": not member.has_families, "audit": not request.user.has_perm(time_line.SEE_TRAIL)}
    return [(name, label) for name, (label, _rows) in TABS.items() if not hidden.get(name)]


def _gap(context: dict[str, Any]) -> dict[str, Any] | None:
    """Return the next tier of the first programme and what it asks that is missing; four queries at most."""
    stood = next(iter(context["standings"]), None)
    if stood is None:
        return None
    # The tier tab has worked it out already.
    explained = context.get("explained")
    if explained and explained.programme == stood.programme:
        tier = explained.next_tier
        return {"tier": tier, "lacking": explained.lacking(tier)} if tier else None
    found = lacking_next(member=context["member"], stood=stood, as_of=context["closed"], words=context["words"])
    return {"tier": found[0], "lacking": found[1]} if found else None


def purses_of(member: Member, *, as_of: datetime.date) -> list[dict[str, Any]]:
    """Return the member's purses, the spendable first: currency, balance of the day, and what lapses in 90 days by date; two queries."""
    currencies = PointCurrency.objects.in_bulk()
    until = as_of + datetime.timedelta(days=SOON_DAYS)
    purses = [
        {
            "currency": currencies[currency_id],
            # In an address a number must not be written with a thousands separator.
            "key": str(currency_id),
            "balance": balance,
            "lapsing": [{"expires_on": day, "points": points} for day, points in sorted(lapsing.items())],
            "lapsing_points": sum(lapsing.values()),
        }
        for currency_id, (balance, lapsing) in summaries.purses(member_id=member.pk, today=as_of, until=until).items()
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
        entry.moved = exploring.moved(entry) if entry.cause.startswith(("merge/", "unmerge/")) else ""
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
    """Return a page of all that happened with the member, the latest first, from `?after=` on, of one kind alone with `?kind=`."""
    kinds, chosen = time_line.open_kinds(request), request.GET.get("kind", "")
    chosen = chosen if chosen in kinds else ""
    shown = _happened(request, context, kinds=[chosen] if chosen else kinds)
    return shown | {"kinds": [(kind, time_line.KINDS[kind]) for kind in kinds], "kind": chosen}


def _happened(request: HttpRequest, context: dict[str, Any], *, kinds: Sequence[str]) -> dict[str, Any]:
    after = request.GET.get("after", "")
    currencies = {purse["currency"].pk: purse["currency"] for purse in context["purses"]}
    try:
        rows, following = time_line.page(
            request, context["member"], kinds=kinds, after=after, currencies=currencies, standings=context["standings"]
        )
    except paging.CursorUnreadable as error:
        raise Http404 from error
    return {"happened": rows, "next_page": following, "is_first_page": not after}


def file_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of the member, masked by role, and who changed what of it last."""
    known = file_pages.file_of(request, context["member"], said=context["said"])
    return known | _happened(request, context, kinds=["fact"])


def contacts_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return how the member is reached, and what was sent to him."""
    known = file_pages.file_of(request, context["member"], said=context["said"])["known"]
    ways = [row for row in known if row["one"].fact.code in ("phone", "email", "address", "preferred_channel")]
    return {"ways": ways} | _happened(request, context, kinds=["message"])


def audit_tab(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return who looked at the member in clear and what was done to him, as the trail keeps it."""
    return _happened(request, context, kinds=["look", "audit"])


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
    answers = Consent.objects.filter(member=member).select_related("text").order_by("-id")
    return {"stands": consents.stands(member_id=member.pk, on=context["as_of"]), "answers": answers[:PAGE]}


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
    "file": (_("File"), file_tab),
    "accounts": (_("Accounts"), accounts_tab),
    "consents": (_("Consents"), consents_tab),
    "status": (_("Status"), status_tab),
    "contacts": (_("Contacts"), contacts_tab),
    "family": (_("Family"), family_tab),
    "audit": (_("Audit"), audit_tab),
}
