"""The one time line of a member: all that happened with him, from every source, the latest first, a page at a time.

The pages are cut by (time, kind, id), so that a page costs the same however much lies behind it, and ties are neither shown twice
nor skipped.
"""

import dataclasses
import datetime
import json
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from activity.models import Activity
from foundation.access import visibility
from foundation.access.signing_in import day_of
from foundation.approvals.kinds import registered
from foundation.approvals.models import SEE_REQUESTS, Request
from foundation.money import money, number
from foundation.naming import worded, worded_each
from foundation.querying import statement
from foundation.translating import translated
from foundation.web import paging
from members.consent_texts import Channel
from members.facts import FACTS
from members.files import FactSource
from members.models import Member
from points.models import Entry, Kind, PointCurrency
from tiers.models import Decision, Tier
from tiers.standings import Stood

PAGE = 25
SEE_TRAIL = "audit.view_auditevent"
# What a time line is made of; who looked and what was done is for those who read the trail, requests for those who read requests.
KINDS: dict[str, Any] = {
    "activity": gettext_lazy("Activities"),
    "refund": gettext_lazy("Refunds"),
    "entry": gettext_lazy("Points"),
    "tier": gettext_lazy("Tier"),
    "consent": gettext_lazy("Consents"),
    "fact": gettext_lazy("Details"),
    "message": gettext_lazy("Messages"),
    "request": gettext_lazy("Requests"),
    "look": gettext_lazy("Looks"),
    "audit": pgettext_lazy("time line", "Trail"),
}
NEEDS = {"request": SEE_REQUESTS, "look": SEE_TRAIL, "audit": SEE_TRAIL}


@dataclasses.dataclass(kw_only=True)
class Happening:
    """One row of the time line: when, of which kind, what in a few words, its details, its figure, and where more is told."""

    at: datetime.datetime
    kind: str
    id: str
    what: str = ""
    details: Sequence[str] = ()
    figure: str = ""
    notes: Sequence[str] = ()
    url: str = ""

    @property
    def kind_label(self) -> str:
        return str(KINDS[self.kind])


def open_kinds(request: HttpRequest) -> list[str]:
    """Return the kinds of happenings that the user may read."""
    return [kind for kind in KINDS if kind not in NEEDS or request.user.has_perm(NEEDS[kind])]


def page(
    request: HttpRequest,
    member: Member,
    *,
    kinds: Sequence[str],
    after: str,
    currencies: dict[int, PointCurrency],
    standings: Sequence[Stood],
) -> tuple[list[Happening], str | None]:
    """Return a page of a member's happenings of some kinds past the cursor `after`, and the next one's; two queries at most.

    `currencies` are those of his purses, `standings` his in every programme. Refuses cursor_unreadable.
    """
    at, kind, key = paging.decode(after, datetime.datetime.fromisoformat, str, str) if after else (None, "", "")
    if at is not None and (at.tzinfo is None or "\0" in kind + key):
        raise paging.CursorUnreadable(field="cursor")
    subjects = [f"purse/{member.pk}/{one}" for one in currencies]
    subjects += [f"standing/{member.pk}/{one.programme.pk}" for one in standings]
    user = request.user
    paths = None if user.is_superuser else visibility.paths(user, permission=SEE_REQUESTS, on=day_of(user))
    arguments = {
        "member": member.pk,
        "kinds": list(kinds),
        "subjects": subjects,
        "patterns": None if paths is None else [f"{path}%" for path in paths],
        "at": at,
        "kind": kind,
        "id": key,
        "most": PAGE + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("membership_site", "time_line"), arguments)
        found = [(at, kind, key, json.loads(data)) for at, kind, key, data in cursor.fetchall()]
    shown, following = paging.page(found, PAGE, lambda row: (row[0].isoformat(), row[1], row[2]))
    tiers = {tier.pk: tier for one in standings for tier in one.tiers}
    return _told(member, shown, currencies, tiers), following


def _told(
    member: Member, rows: Sequence[tuple], currencies: dict[int, PointCurrency], tiers: dict[int, Tier]
) -> list[Happening]:
    """Return rows in words; what activities earned is looked up for all at once."""
    activities = {f"activity/{row[3]['source']}/{row[3]['external']}": row[2] for row in rows if row[1] == "activity"}
    earned = _earned(member, activities, currencies) if activities else {}
    told = []
    for at, kind, key, data in rows:
        one = Happening(at=at, kind=kind, id=key)
        if kind == "activity":
            _tell_activity(one, data, earned.get(key, []))
        elif kind == "entry":
            _tell_entry(one, data, member, currencies)
        elif kind == "tier":
            _tell_decision(one, data, tiers)
        else:
            TELL[kind](one, data)
        told.append(one)
    return told


def _earned(member: Member, activities: dict[str, str], currencies: dict[int, PointCurrency]) -> dict[str, list[str]]:
    """Return what activities, given by the cause of their entries, earned, in words, by their ids; one query."""
    entries = Entry.objects.filter(member_id=member.pk, cause__in=activities)
    earned: dict[str, list[str]] = {}
    for row in entries.values("cause", "currency_id").annotate(points=Sum("points")).order_by("currency_id"):
        words = f"{number(row['points'], signed=True)} {currencies[row['currency_id']]}"
        earned.setdefault(activities[row["cause"]], []).append(words)
    return earned


def _tell_activity(one: Happening, data: dict[str, Any], earned: list[str]) -> None:
    one.what = worded(data["kind"])
    one.details = worded_each(word for word in data["words"] if word)
    one.figure = "" if data["minor"] is None else money(data["minor"], currency=data["currency"])
    direction = str(Activity.Direction(data["direction"]).label) if data["direction"] else ""
    one.notes = [note for note in (direction, *earned, _refunded(data)) if note]


def _refunded(data: dict[str, Any]) -> str:
    if data["refunded"] is None:
        return ""
    if not data["minor"]:
        return _("refunded")
    return _("%(amount)s refunded") % {"amount": money(data["refunded"], currency=data["currency"])}


def _tell_refund(one: Happening, data: dict[str, Any]) -> None:
    one.what = _("refunded")
    one.figure = money(data["minor"], currency=data["currency"]) if data["priced"] else ""


def _tell_entry(one: Happening, data: dict[str, Any], member: Member, currencies: dict[int, PointCurrency]) -> None:
    one.what = str(Kind(data["kind"]).label)
    one.details = [str(currencies[data["currency"]])] if data["currency"] in currencies else []
    one.figure = number(data["points"], signed=True)
    one.notes = [_("balance %(points)s") % {"points": number(data["after"])}]
    one.url = reverse("admin:ledger_entry", args=[member.pk, data["currency"], data["number"]])


def _tell_decision(one: Happening, data: dict[str, Any], tiers: dict[int, Tier]) -> None:
    one.what = str(Decision.Outcome(data["outcome"]).label)
    one.details = [f"{tiers[data['from']]} → {tiers[data['to']]}"]
    one.notes = [
        _("as of %(date)s")
        % {"date": formats.date_format(datetime.date.fromisoformat(data["as_of"]), "SHORT_DATE_FORMAT")}
    ]
    one.url = "?tab=tier"


def _tell_consent(one: Happening, data: dict[str, Any]) -> None:
    one.what = _("agreed") if data["given"] else _("withdrawn")
    one.details = [translated(data["titles"]), _("version %(number)s") % {"number": data["version"]}]
    one.notes = [str(Channel(data["channel"]).label)]
    one.url = "?tab=consents"


def _tell_fact(one: Happening, data: dict[str, Any]) -> None:
    fact = FACTS.get(data["code"])
    one.what = str(fact.label) if fact else data["code"]
    changed = [word for word in (data["old"], data["new"]) if word]
    one.details = [" → ".join(changed)] if changed else []
    one.notes = [str(FactSource(data["source"]).label), data["by"] or data["system"], *filter(None, [data["reason"]])]
    one.url = "?tab=file"


def _tell_message(one: Happening, data: dict[str, Any]) -> None:
    one.what = worded(data["kind"] or data["topic"].rpartition(".")[2])
    one.notes = [_("sent") if data["done_at"] else _("stuck") if data["stuck"] else _("waiting")]


def _tell_audit(one: Happening, data: dict[str, Any]) -> None:
    one.what = data["verb"]
    one.details = [data["reason"]] if data["reason"] else []
    one.notes = [note for note in (data["by"] or data["system"], data["address"]) if note]
    one.url = reverse("admin:audit_auditevent_change", args=[one.id])


def _tell_request(one: Happening, data: dict[str, Any]) -> None:
    labels = {kind.code: str(kind.label) for kind in registered()}
    one.what = labels.get(data["kind"], data["kind"])
    one.details = [data["reason"]]
    one.notes = [str(Request.Status(data["status"]).label), data["by"]]
    one.url = reverse("admin:approvals_request_change", args=[one.id])


TELL = {
    "refund": _tell_refund,
    "consent": _tell_consent,
    "fact": _tell_fact,
    "message": _tell_message,
    "look": _tell_audit,
    "audit": _tell_audit,
    "request": _tell_request,
}
