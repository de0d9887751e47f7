"""The ledger explorer's pages in the console: the list, one entry, one purse as of a date, and a member's statement."""

import datetime
from typing import Any

from django import forms
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import NoReverseMatch, path, reverse
from django.utils.translation import gettext_lazy as _

from activity.models import Activity, Source
from campaigns.models import EarningRule
from foundation.access import visibility
from foundation.access.signing_in import day_of, moment_of
from foundation.jobs import fencing
from foundation.refusals import Refusal
from foundation.web.downloading import download
from members.models import Member
from membership_site import exploring
from points import looking_back, stating
from points.ledger import NEVER
from points.models import Allocation, Entry, Kind, Lot, PointCurrency, Purse, Seal
from portal.statements import FORMS, MadeOut
from tiers.models import Decision

USERS = 50


class Day(forms.DateInput):
    """The browser's own date field."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class Filters(forms.Form):
    """What to look for; a member by number, or business dates."""

    member = forms.CharField(label=_("member number"), max_length=40, required=False)
    first = forms.DateField(label=_("booked from"), widget=Day, required=False)
    last = forms.DateField(label=_("booked to"), widget=Day, required=False)
    kind = forms.TypedChoiceField(label=_("kind"), coerce=int, empty_value=None, required=False)
    currency = forms.ModelChoiceField(PointCurrency.objects.order_by("id"), label=_("point currency"), required=False)
    source = forms.ModelChoiceField(Source.objects.order_by("code"), label=_("source"), required=False)
    rule = forms.ModelChoiceField(EarningRule.objects.order_by("code"), label=_("earning rule"), required=False)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fields["kind"].choices = [("", "---------"), *Kind.choices]


class AsAt(forms.Form):
    """The date that a purse is looked back at."""

    day = forms.DateField(label=_("balance as at the end of"), widget=Day)


def visible(request: HttpRequest) -> Any:
    """Return the members this user sees; refuses one who may see none."""
    if not request.user.has_perm(visibility.SEE_MEMBERS):
        raise PermissionDenied
    return Member.objects.visible_to(request.user, on=day_of(request.user))


def member_of(request: HttpRequest, member_id: int) -> Member:
    """Return a member whom this user sees; anybody else is not found."""
    member = visible(request).select_related("branch", "person").filter(pk=min(member_id, 2**63 - 1)).first()
    if member is None:
        raise Http404
    return member


def patterns_of(request: HttpRequest) -> list[str] | None:
    """Return the branch patterns of the members that the user sees; None for everybody."""
    if request.user.is_superuser:
        return None
    paths = visibility.paths(request.user, permission=visibility.SEE_MEMBERS, on=day_of(request.user))
    return [f"{path}%" for path in paths]


def explorer(request: HttpRequest) -> HttpResponseBase:
    """List entries of a member or of business dates; without either, those of the last closed date."""
    members = visible(request)
    form = Filters(request.GET or None)
    answered = request.GET.copy()
    answered.pop("after", None)
    context: dict[str, Any] = {"title": _("Ledger explorer"), "form": form, "rows": [], "query": answered.urlencode()}
    status = 200
    if form.is_valid() or not form.is_bound:
        chosen = form.cleaned_data if form.is_bound else dict.fromkeys(form.fields)
        member = None
        if number := (chosen["member"] or "").strip():
            member = members.select_related("person").filter(number=number).first()
            if member is None:
                form.add_error("member", _("There is no such member here."))
                status = 404
        if not form.errors:
            wanted = _wanted(request, chosen, member)
            context["member"], context["wanted"] = member, wanted
            try:
                if (asked := request.GET.get("form")) in ("csv", "xlsx"):
                    return _exported(request, wanted, asked)
                context |= _listed(wanted, request.GET.get("after", ""))
            except Refusal as refusal:
                form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    if form.errors and status == 200:
        status = 400
    answer = site.page(request, "admin/ledger.html", **context)
    answer.status_code = status
    return answer


def _wanted(request: HttpRequest, chosen: dict[str, Any], member: Member | None) -> exploring.Wanted:
    first, last = chosen["first"], chosen["last"]
    if member is None and first is None and last is None:
        first = last = fencing.last_closed() or day_of(request.user)
    return exploring.Wanted(
        member=member,
        first=first,
        last=last,
        kind=chosen["kind"],
        currency_id=chosen["currency"].pk if chosen["currency"] else None,
        source=chosen["source"].code if chosen["source"] else None,
        rule_id=chosen["rule"].pk if chosen["rule"] else None,
        patterns=patterns_of(request),
    )


def _sources() -> dict[str, str]:
    return {source.code: str(source) for source in Source.objects.all()}


def _listed(wanted: exploring.Wanted, after: str) -> dict[str, Any]:
    rows, following = exploring.entries(wanted, after=after)
    exploring.tell(rows, sources=_sources())
    currencies = PointCurrency.objects.in_bulk()
    numbers = dict(Member.objects.filter(pk__in={row.member_id for row in rows}).values_list("pk", "number"))
    for row in rows:
        row.currency, row.member_number = currencies[row.currency_id], numbers.get(row.member_id, "")
        row.url = url_of(row.member_id, row.currency_id, row.number)
    return {"rows": rows, "next_page": following, "is_first_page": not after}


def _exported(request: HttpRequest, wanted: exploring.Wanted, form: str) -> HttpResponseBase:
    exploring.entries(wanted, limit=1)  # what would be refused is refused before the first byte
    headers, rows = exploring.table(wanted, sources=_sources())
    at = moment_of(request.user)
    return download(name="entries", form=form, title=str(_("Entries")), headers=headers, rows=rows, at=at)


def url_of(member_id: int, currency_id: int, number: int) -> str:
    """Return the address of an entry's page."""
    return reverse("admin:ledger_entry", args=[member_id, currency_id, number])


def entry(request: HttpRequest, member_id: int, currency_id: int, number: int) -> HttpResponse:
    """Show one entry: its figures, its cause, its rule and tier, its lots, and the seal of its date."""
    member = member_of(request, member_id)
    own = {"member_id": member.pk, "currency_id": currency_id}
    found = Entry.objects.filter(**own, number=min(number, 2**31 - 1)).first()
    currency = PointCurrency.objects.filter(pk=currency_id).first()
    if found is None or currency is None:
        raise Http404
    exploring.tell([found], sources=_sources())
    kind, named = exploring.reference(found)
    context = {
        "title": _("Entry %(number)s") % {"number": number},
        "member": member,
        "person": getattr(member, "person", None),
        "currency": currency,
        "entry": found,
        "never": NEVER,
        "activity": _activity(member, *named) if kind == "activity" else None,
        "origin": url_of(member.pk, currency_id, named) if kind == "lot" else "",
        "approval": _approval(named) if kind == "approval" else "",
        "decision": _decision(found) if found.reason else None,
        "seal": Seal.objects.filter(pk=found.booked_on).first(),
        "purse_url": reverse("admin:ledger_purse", args=[member.pk, currency_id]),
        "previous": url_of(member.pk, currency_id, number - 1) if number > 1 else "",
        "following": _following(own, number),
    }
    return site.page(request, "admin/ledger_entry.html", **context, **_lots_of(own, found))


def _following(own: dict[str, int], number: int) -> str:
    purse = Purse.objects.filter(pk=(own["member_id"], own["currency_id"])).first()
    return url_of(*own.values(), number + 1) if purse and number < purse.entries else ""


def _lots_of(own: dict[str, int], found: Entry) -> dict[str, Any]:
    """Return a credit's lot with the debits that used it, and the lots a debit took, each with its address."""
    used = Allocation.objects.filter(**own).filter(Q(lot_number=found.number) | Q(debit_number=found.number))
    rows = list(used.order_by("debit_number", "lot_expires_on", "lot_number")[: USERS + 1])
    for row in rows:
        row.debit_url, row.lot_url = (
            url_of(*own.values(), row.debit_number),
            url_of(*own.values(), row.lot_number),
        )
    return {
        "lot": Lot.objects.filter(**own, number=found.number).first() if found.points > 0 else None,
        "users": [row for row in rows if row.lot_number == found.number][:USERS],
        "taken": [row for row in rows if row.debit_number == found.number != row.lot_number][:USERS],
        "more_rows": len(rows) > USERS,
    }


def _activity(member: Member, source: str, external_id: str) -> Activity | None:
    """Return the activity that a cause names, with what the bank said of it as pairs of label and code (`words`)."""
    sources = Source.objects.filter(code=source).values("id")
    reported = Activity.objects.filter(member_id=member.pk, source_id__in=sources, external_id=external_id).first()
    if reported:
        labels = ("purpose", "product", "merchant_category", "channel", "branch")
        fields = ((Activity._meta.get_field(name).verbose_name, getattr(reported, name)) for name in labels)
        reported.words = [(label, code) for label, code in fields if code]
    return reported


def _approval(number: int) -> str:
    """Return the address of an approval's request, where approvals have a page."""
    try:
        return reverse("admin:approvals_request_change", args=[number])
    except NoReverseMatch:
        return ""


def _decision(found: Entry) -> Decision | None:
    """Return the decision that gave the tier which multiplied an entry: the last before its activity."""
    programme = (found.figures or {}).get("programme")
    if programme is None:
        return None
    made = Decision.objects.filter(member=found.member_id, programme__code=programme, as_of__lt=found.occurred_on)
    return made.select_related("programme", "to_tier", "rule_book").order_by("-as_of").first()


def purse(request: HttpRequest, member_id: int, currency_id: int) -> HttpResponse:
    """Show what a purse held at the end of a past business date (`?day=`, else today): the balance, lot by lot."""
    member = member_of(request, member_id)
    currency = PointCurrency.objects.filter(pk=currency_id).first()
    if currency is None:
        raise Http404
    form = AsAt(request.GET if "day" in request.GET else None, initial={"day": day_of(request.user)})
    day: datetime.date | None = day_of(request.user)
    if form.is_bound:
        day = form.cleaned_data["day"] if form.is_valid() else None
    context: dict[str, Any] = {"title": currency, "member": member, "person": getattr(member, "person", None)}
    if day:
        own = {"member_id": member.pk, "currency_id": currency_id, "day": day}
        balance, lots = looking_back.balance(**own), looking_back.lots(**own)
        context |= {"balance": balance, "left": sum(lot.left for lot in lots), "more_lots": len(lots) > USERS}
        context["owed"] = max(context["left"] - balance, 0)
        context["lots"] = [(lot, url_of(member.pk, currency_id, lot.number)) for lot in lots[:USERS]]
    context |= {"currency": currency, "form": form, "day": day, "never": NEVER, "currency_key": str(currency_id)}
    answer = site.page(request, "admin/ledger_purse.html", **context)
    answer.status_code = 200 if day else 400
    return answer


def statement(request: HttpRequest, member_id: int, currency_id: int) -> HttpResponseBase:
    """Show or download (`?form=`) the statement that the member gets of a month (`?month=`, else the latest), his name masked."""
    member = member_of(request, member_id)
    currency = PointCurrency.objects.filter(pk=currency_id).first()
    if currency is None:
        raise Http404
    today = day_of(request.user)
    months = stating.months(member_id=member.pk, currency_id=currency_id, today=today)
    month = request.GET.get("month") or (months[0].key if months else "")
    person = getattr(member, "person", None)
    try:
        made = MadeOut.of(member, currency, month, holder=person.masked_name if person else "", today=today)
    except stating.NoStatement as refusal:
        raise Http404(str(refusal)) from refusal
    if (form := request.GET.get("form")) in FORMS:
        return made.download(form, at=moment_of(request.user))
    for line in made.statement.lines:
        line.entry.url = url_of(member.pk, currency_id, line.entry.number)
    context = {"title": made.title, "member": member, "person": person, "made": made, "statement": made.statement}
    return site.page(request, "admin/ledger_statement.html", **context, months=months, forms=FORMS)


def urls() -> list:
    """Return the addresses of the explorer's pages."""
    view = site.admin_view
    purse_path = "ledger/<int:member_id>/<int:currency_id>"
    return [
        path("ledger/", view(explorer), name="ledger"),
        path(f"{purse_path}/", view(purse), name="ledger_purse"),
        path(f"{purse_path}/statement/", view(statement), name="ledger_statement"),
        path(f"{purse_path}/<int:number>/", view(entry), name="ledger_entry"),
    ]
