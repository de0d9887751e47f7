"""Corrections as requests: what is asked for by hand or by file, its targets, its worth, and its words for the checker."""

import datetime
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from foundation.access import visibility
from foundation.access.models import Branch, User
from foundation.actors import Actor
from foundation.approvals import requesting
from foundation.approvals.digesting import digest_of
from foundation.approvals.kinds import Aim, Change, Description, Kind, Payload
from foundation.approvals.models import Request
from foundation.money import number
from foundation.periods import day_of
from foundation.transactions import in_transaction
from members.models import Member, Person
from points import adjusting, checking, summaries
from points.models import PointCurrency, Purse

ADJUST = "points.adjust"
MAY_REQUEST = "points.request_adjustment"
MAY_DECIDE = "points.decide_adjustment"
SHOWN = 50


@in_transaction
def ask_by_hand(
    *,
    id: UUID,
    member: Member,
    currency: PointCurrency,
    points: int,
    reason: str,
    expires_on: datetime.date | None,
    actor: Actor,
    at: datetime.datetime,
) -> Request:
    """Ask for the correction of one member's purse; a credit of reward points without a date gets the currency's.

    Refuses a Refusal of its row (see points.checking), insufficient among them, and what requesting.request refuses.
    """
    checked = checking.check(
        [
            {
                "line": 1,
                "member": member.number,
                "currency": currency.code,
                "points": str(points),
                "reason": reason,
                "expires_on": expires_on.isoformat() if expires_on else "",
            }
        ],
        members=Member.objects.filter(pk=member.pk),
        today=day_of(at),
    )
    if checked.errors:
        raise checking.RowRefused(field=checked.errors[0].field, why=checked.errors[0].sentence)
    payload = {"by": "hand", "rows": checked.rows}
    return requesting.request(
        id=id, kind=ADJUST, payload=payload, branch=member.branch, reason=reason, actor=actor, at=at
    )


@in_transaction
def ask_by_file(
    *, id: UUID, name: str, rows: list[dict[str, Any]], reason: str, actor: Actor, at: datetime.datetime
) -> Request:
    """Ask for the corrections of a whole file at once: rows as points.checking returns them.

    The request lies in the lowest branch that holds all of its members. The same rows are not asked for twice, whatever the file's name.
    """
    payload = {"by": "file", "name": name, "rows": rows}
    return requesting.request(
        id=id,
        kind=ADJUST,
        payload=payload,
        branch=branch_over({row["member"] for row in rows}),
        reason=reason,
        content_key=digest_of({"rows": rows}),
        actor=actor,
        at=at,
    )


def branch_over(member_ids: set[int]) -> Branch:
    """Return the lowest branch under which all of the members lie."""
    paths = list(
        Branch.objects.filter(members__in=member_ids).order_by("path").values_list("path", flat=True).distinct()
    )
    first, last = paths[0].split("/"), paths[-1].split("/")
    common = [one for one, other in zip(first, last, strict=False) if one == other and one]
    return Branch.objects.get(path="".join(f"{part}/" for part in common))


def targets(payload: Payload) -> list[Aim]:
    """Return the purses that would be booked on.

    By hand a purse's version is all that was ever booked on it: the checker sees the figures that the maker saw. A file stands
    on its own; there it is the member's status, his branch, and whether the purse is frozen.
    """
    rows, currencies = payload["rows"], dict(PointCurrency.objects.values_list("code", "id"))
    ids = {row["member"] for row in rows}
    members = {pk: f"{status}/{branch}" for pk, status, branch in _columns(Member, ids, "pk", "status", "branch_id")}
    purses = {(member, currency): rest for member, currency, *rest in _purses(ids)}
    amounts: Counter[tuple[int, int]] = Counter()
    for row in rows:
        amounts[row["member"], currencies[row["currency"]]] += abs(row["points"])
    return [
        Aim(
            subject=f"purse/{member}/{currency}",
            version="/".join([members[member], *_purse_version(purses.get((member, currency)), payload["by"])]),
            amount=amount,
        )
        for (member, currency), amount in amounts.items()
    ]


def _columns(model: Any, ids: set[int], *columns: str) -> Any:
    return model.objects.filter(pk__in=ids).values_list(*columns)


def _purses(ids: set[int]) -> Any:
    return Purse.objects.filter(member_id__in=ids).values_list("member_id", "currency_id", "frozen", "entries")


def _purse_version(purse: list[Any] | None, by: str) -> list[str]:
    frozen, entries = purse or (False, 0)
    state = "frozen" if frozen else "free"
    return [state, str(entries)] if by == "hand" else [state]


def worth(payload: Payload) -> int | None:
    """Return what the corrections are worth in minor units, signed, rounded half away from zero; None where no points have a worth."""
    sums = points_by_currency(payload)
    currencies = PointCurrency.objects.exclude(worth_minor=None).filter(code__in=sums)
    parts = [sums[currency.code] * (currency.worth_minor or Decimal(0)) for currency in currencies]
    return int(sum(parts, Decimal(0)).quantize(Decimal(1), ROUND_HALF_UP)) if parts else None


def points_by_currency(payload: Payload) -> Counter[str]:
    """Return the net points of a payload by the code of their currency."""
    sums: Counter[str] = Counter()
    for row in payload["rows"]:
        sums[row["currency"]] += row["points"]
    return sums


def credits(payload: Payload, user: User) -> bool:
    """Tell whether a row credits a member who is this user, by any account of the same employee, or lives with him."""
    credited = {row["member"] for row in payload["rows"] if row["points"] > 0}
    return Member.objects.close_to_employee(user).filter(pk__in=credited).exists()


def describe(payload: Payload, *, user: User, as_of: datetime.date) -> Description:
    """Return a correction's words, and its first rows with the balance of `as_of` before and after."""
    currencies = {currency.code: currency for currency in PointCurrency.objects.all()}
    rows = payload["rows"]
    sums = points_by_currency(payload)
    impact = " · ".join(f"{number(points, signed=True)} {currencies[code]}" for code, points in sorted(sums.items()))
    shown = rows[:SHOWN]
    # A member may have moved to a branch that the reader doesn't reach, or the reader away from the member's.
    ids = members_reached({row["member"] for row in shown}, user=user, on=as_of)
    if payload["by"] == "hand" and not ids:
        sentence = _("a member of another branch")
    elif payload["by"] == "hand":
        sentence = _("Correct the points of member %(number)s by hand.") % {"number": rows[0]["number"]}
    else:
        members = len({row["member"] for row in rows})
        sentence = ngettext(
            "Correct the points of %(members)s member by the file %(name)s, %(rows)s rows.",
            "Correct the points of %(members)s members by the file %(name)s, %(rows)s rows.",
            members,
        ) % {"members": number(members), "name": payload["name"], "rows": number(len(rows))}
    balances = {key: balance.total for key, balance in summaries.balances(member_ids=sorted(ids), today=as_of).items()}
    may_open = user.has_perm(visibility.SEE_MEMBERS)
    # Who reads no single member's page reads numbers here, and no names.
    people = Person.objects.filter(member__in=ids if may_open else [])
    names = dict(people.values_list("member_id", "masked_name"))
    changes = []
    for row in shown:
        currency = currencies[row["currency"]]
        if row["member"] not in ids:
            what = f"{number(row['points'], signed=True)} {currency}"
            changes.append(Change(target=_("a member of another branch"), url="", what=what, before="", after=""))
            continue
        before = balances.get((row["member"], currency.pk), 0)
        balances[row["member"], currency.pk] = before + row["points"]
        changes.append(
            Change(
                target=" ".join(filter(None, (row["number"], names.get(row["member"])))),
                url=reverse("admin:members_member_change", args=[row["member"]]) if may_open else "",
                what=f"{number(row['points'], signed=True)} {currency}",
                before=number(before),
                after=number(before + row["points"]),
                note=" · ".join(filter(None, (row["reason"], row["expires_on"] and _lapses(row["expires_on"])))),
            )
        )
    return Description(sentence=sentence, impact=impact, changes=changes, more=len(rows) - len(shown))


def members_reached(ids: set[int], *, user: User, on: datetime.date) -> set[int]:
    """Return which of the members lie in a branch that a posting of the user reaches that day, whatever its role."""
    members = Member.objects.filter(pk__in=ids)
    if not user.is_superuser:
        members = members.in_branches([posting.branch.path for posting in visibility.postings(user, on=on)])
    return set(members.values_list("pk", flat=True))


def _lapses(expires_on: str) -> str:
    return _("lapse after %(date)s") % {"date": expires_on}


KIND = Kind(
    code=ADJUST,
    label=gettext_lazy("Correct points"),
    verb=adjusting.adjust,
    describe=describe,
    targets=targets,
    worth=worth,
    credits=credits,
    permission_to_request=MAY_REQUEST,
    permission_to_decide=MAY_DECIDE,
    ask_view="admin:points_corrections",
    ask_label=gettext_lazy("Correct points by file"),
)
