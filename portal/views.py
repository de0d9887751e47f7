"""The member's own pages: his standing, his points, the reason for each. A member reaches nothing but his own."""

import datetime
import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from campaigns.describing import describe as describe_rule
from foundation import transactions
from foundation.access.signing_in import day_of, moment_of
from foundation.jobs import clock
from foundation.jobs.models import Bank, BusinessDate
from foundation.web.requests import actor
from members import consents, families, sealing, spending, waking
from members.models import FamilyMembership, Member
from points import redeeming, restoring, stating
from points.expiring import describe as describe_expiry
from points.ledger import NEVER
from points.models import Allocation, Entry, Kind, Lot, PointCurrency
from portal import first_steps, history, projecting, purses, telling
from portal.projecting import SpendForm
from portal.statements import FORMS, MadeOut
from tiers import describing, explaining, standings
from tiers.models import Condition, Decision, Protection

LATEST = 5
LAST_CLOSED = Subquery(
    BusinessDate.objects.filter(status=BusinessDate.Status.CLOSED).order_by("-date").values("date")[:1]
)
MONEY = Subquery(Bank.objects.values("currency")[:1])
IS_PROTECTED = Exists(Protection.objects.filter(member=OuterRef("pk")))
DECISIONS = 50


def member_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Give a view that only reads the signed-in member; send staff to their own door, and keep every answer out of every cache."""
    return require_safe(member_form(view))


def member_form(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Do as `member_page` for a view that a form is sent to.

    A member who has yet to agree to what his membership rests on is asked that first, wherever he goes.
    """
    return _of_member(view, asks_first=True)


def unasked(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Do as `member_form` for a view that a member reaches before he has agreed to anything."""
    return _of_member(view, asks_first=False)


def _of_member(view: Callable[..., HttpResponse], *, asks_first: bool) -> Callable[..., HttpResponse]:
    @never_cache
    @login_required
    @functools.wraps(view)
    def page(request: HttpRequest, **arguments: Any) -> HttpResponse:
        members = Member.objects.select_related("branch", "person").filter(user=request.user)
        # Every page asks for these; so they come with the member, in one query.
        known = {"asked_at": clock.reading(), "last_closed": LAST_CLOSED, "money": MONEY, "is_protected": IS_PROTECTED}
        member = members.annotate(**known, is_wanting=consents.is_wanting()).first()
        if member:
            request.user.acts_at = member.asked_at
            if member.status == Member.Status.DORMANT:
                transactions.commit(waking.wake_by_visit, member=member, at=member.asked_at, actor=actor(request))
            request.standing = spending.sentence_of(member)
            request.leaves_at = member.leaves_at
            if asks_first and member.is_wanting:
                return redirect(f"{reverse('portal:agree')}?{urlencode({'next': request.get_full_path()})}")
            return view(request, member=member, **arguments)
        if request.user.is_staff:
            return redirect("admin:index")
        raise PermissionDenied

    return page


@member_page
def home(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Show where the member stands: his tier, his points, what lapses next, what came last."""
    today = day_of(request.user)
    as_of = member.last_closed or today
    currency = currency_of("")
    words = describing.Words(member.money)
    purse = purses.read(member, currency, today=today, money=member.money)
    entries = list(history.entries_of(member_id=member.pk, currency_id=currency.pk)[:LATEST])
    stood = standings.at(member_id=member.pk, day=as_of)
    tiers = [tier for one in stood for tier in one.tiers]
    telling.tell(entries, today=today, has_pending=purse.balance.pending > 0, tiers=tiers, money=member.money)
    main, *others = stood or [None]
    shown = {
        "steps": None if entries else first_steps.of(member, today=today),
        "door": "home",
        "member": member,
        "person": _person(member),
        "currency": currency,
        "purse": purse,
        "entries": entries,
        "tier": main
        and explaining.explain(
            member=member,
            programme=main.programme,
            as_of=as_of,
            stood=main,
            words=words,
            protections=_protections(member, as_of),
        ),
        "others": others,
        "today": today,
        "as_of": as_of,
    }
    return render(request, "portal/home.html", shown)


@member_page
def points(request: HttpRequest, *, member: Member, code: str = "") -> HttpResponse:
    """Show one currency: what is there, what is on its way, what lapses when, and every entry."""
    currency = currency_of(code)
    today = day_of(request.user)
    after = history.Place.read(request.GET.get("after", ""))
    page = history.page(member_id=member.pk, currency_id=currency.pk, after=after)
    telling.tell(page.entries, today=today)
    shown = {"door": "points", "currency": currency, "page": page, "continued": after is not None, "today": today}
    if request.htmx and after:
        return render(request, "portal/lines.html", shown)
    others = PointCurrency.objects.filter(kind=PointCurrency.Kind.REWARD).exclude(pk=currency.pk).order_by("id")
    purse = purses.read(member, currency, today=today, money=member.money)
    shown |= {"purse": purse, "others": others}
    return render(request, "portal/points.html", shown | {"spendable": currency.kind == PointCurrency.Kind.REWARD})


@member_page
def expiring(request: HttpRequest, *, member: Member, code: str) -> HttpResponse:
    """Show what lapses of one currency in the next 12 months, month by month and date by date, and by what rule."""
    currency = currency_of(code)
    today = day_of(request.user)
    purse = purses.read(member, currency, today=today, money=Bank.objects.get().currency)
    shown = {"door": "points", "currency": currency, "purse": purse, "today": today}
    return render(request, "portal/expiring.html", shown | {"rule": describe_expiry(currency)})


@member_page
def entry(request: HttpRequest, *, member: Member, code: str, number: int) -> HttpResponse:
    """Show why an entry is what it is, and what has become of its points."""
    currency = currency_of(code)
    found = get_object_or_404(Entry, member_id=member.pk, currency_id=currency.pk, number=number)
    telling.tell([found], today=day_of(request.user))
    lot = Lot.objects.filter(member_id=member.pk, currency_id=currency.pk, number=number).first()
    taken = Allocation.objects.filter(member_id=member.pk, currency_id=currency.pk, debit_number=number)
    taken = list(taken.order_by("lot_expires_on", "lot_number"))
    lacked = 0
    if found.kind == Kind.CLAWBACK and currency.kind == PointCurrency.Kind.REWARD:
        lacked = -found.points - sum(part.points for part in taken)
    shown = {
        "door": "points",
        "currency": currency,
        "entry": found,
        "rule": describe_rule(found.told.reason.version) if found.told.reason else [],
        "lot": lot,
        "never": NEVER,
        "taken": taken,
        # What a clawback could not take was owed from then on.
        "lacked": lacked,
        "may_give_back": found.kind == Kind.REDEEM
        and found.told.redemption
        and restoring.is_open(found.told.redemption, at=moment_of(request.user))
        and found.told.redemption.caller == redeeming.MEMBER
        and found.told.redemption.for_member_id is None,
    }
    return render(request, "portal/entry.html", shown)


@member_page
def statements(request: HttpRequest, *, member: Member, code: str) -> HttpResponse:
    """List the months of which there is a statement, the newest first."""
    currency = currency_of(code)
    months = stating.months(member_id=member.pk, currency_id=currency.pk, today=day_of(request.user))
    return render(request, "portal/statements.html", {"door": "points", "currency": currency, "months": months})


@member_page
def statement(
    request: HttpRequest, *, member: Member, code: str, month: str, form: str = ""
) -> HttpResponse | HttpResponseBase:
    """Show the statement of a month, or give it as a file (`form`: pdf, csv, xlsx)."""
    if form and form not in FORMS:
        raise Http404
    today = day_of(request.user)
    try:
        made = MadeOut.of(member, currency_of(code), month, holder=_person(member).full_name, today=today)
    except stating.NoStatement as refusal:
        raise Http404(str(refusal)) from refusal
    if form:
        return made.download(form, at=moment_of(request.user))
    months = stating.months(member_id=member.pk, currency_id=made.statement.currency.pk, today=today)
    shown = {"door": "points", "made": made, "statement": made.statement, "currency": made.statement.currency}
    return render(request, "portal/statement.html", shown | {"months": months, "forms": FORMS})


@member_page
def tier(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Show, for each programme, what holds the tier, what comes when, what the next one asks, what counts, how it came about; and on
    asking (`?spend=` units of money a month) which tier that would give."""
    as_of = member.last_closed or day_of(request.user)
    words = describing.Words(member.money)
    decisions = Decision.objects.filter(member=member, as_of__lte=as_of).order_by("-as_of")
    decisions = list(decisions.select_related("from_tier", "to_tier")[:DECISIONS])
    protections = _protections(member, as_of)
    form = SpendForm(request.GET if "spend" in request.GET else None)
    spend_minor = form.cleaned_data["spend"] * 100 if form.is_bound and form.is_valid() else None
    programmes = []
    for stood in standings.at(member_id=member.pk, day=as_of):
        past = [decision for decision in decisions if decision.programme_id == stood.programme.pk]
        told = explaining.explain(
            member=member,
            programme=stood.programme,
            as_of=as_of,
            stood=stood,
            words=words,
            history=past,
            protections=protections,
        )
        if told:
            story = list(zip(past, told.history, strict=True))
            projected = []
            if spend_minor:
                projected = projecting.project(member=member, told=told, amount_minor=spend_minor, words=words)
            programmes.append((told, describing.described(told.ladder), story, projected))
    shown = {"door": "tier", "as_of": as_of, "programmes": programmes, "form": form}
    return render(request, "portal/tier.html", shown | {"spend_minor": spend_minor, "money": member.money})


@member_page
def me(request: HttpRequest, *, member: Member) -> HttpResponse:
    """Show who the member is to the bank, and the way out."""
    shown = {"door": "me", "member": member, "person": _person(member), "has_families": families.is_on()}
    if shown["has_families"]:
        shown["invitations"] = FamilyMembership.objects.inviting(member.number).count()
    return render(request, "portal/me.html", shown)


def currency_of(code: str) -> PointCurrency:
    """Return the currency of that code, or without one the bank's first reward currency; 404 where there is none."""
    wanted = {"code": code} if code else {"kind": PointCurrency.Kind.REWARD}
    currency = PointCurrency.objects.filter(**wanted).order_by("id").first()
    if currency is None or not (currency.kind == PointCurrency.Kind.REWARD or _is_asked_for(currency)):
        raise Http404
    return currency


def _is_asked_for(currency: PointCurrency) -> bool:
    """Tell whether some programme's tiers ask for points of that currency; growth points that none asks for aren't shown."""
    return Condition.objects.filter(series__currency=currency).exists()


def _protections(member: Member, as_of: datetime.date) -> list[Protection]:
    """Return the member's protections on a date; of the many who never had one without a statement."""
    return explaining.protections_of(member, as_of=as_of) if member.is_protected else []


def _person(member: Member) -> sealing.PersonalData:
    """Return the member's own data in clear: shown to nobody but himself."""
    return sealing.open_person(member.person) if hasattr(member, "person") else sealing.PersonalData()
