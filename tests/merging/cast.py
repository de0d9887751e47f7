"""Two records of Wang in one branch, what is merged and undone as the second person decides it, and what must be so before and after."""

import dataclasses
import datetime
import uuid
from collections import Counter
from typing import Any

from django.db.models import Sum

from foundation.actors import Actor
from foundation.jobs import clock
from members.models import Member, Merge
from membership_site import merge_states, merging
from points.models import Entry, Lot, PointCurrency, Purse
from tests.factories import BankFactory, BranchFactory, MemberFactory, PointCurrencyFactory

CHECKER = Actor.job("checker")


@dataclasses.dataclass(frozen=True)
class Two:
    """Wang's two records, the points and the growth points of the bank."""

    kept: Member
    gone: Member
    points: PointCurrency
    growth: PointCurrency


def two(**fields: Any) -> Two:
    """Open the bank on its first business date with two records of Wang; `fields` are both's."""
    BankFactory()
    branch = BranchFactory()
    return Two(
        kept=MemberFactory(number="A-KEPT", branch=branch, **fields),
        gone=MemberFactory(number="B-GONE", branch=branch, **fields),
        points=PointCurrencyFactory(),
        growth=PointCurrencyFactory(growth=True),
    )


def merge(kept: Member, gone: Member, **more: Any) -> dict[str, Any]:
    """Merge `gone` into `kept` as the decision on a request does, on what stands now."""
    payload = {"kept": kept.pk, "gone": gone.pk, "kept_number": kept.number, "gone_number": gone.number}
    versions = merge_states.versions_of([kept.pk, gone.pk])
    arguments = {"reason": "one person", "versions": versions, "actor": CHECKER, "as_of": clock.booking_date()}
    return merging.merge(payload=payload, request_id=uuid.uuid4(), **arguments | more)


def undo(gone: Member, **more: Any) -> dict[str, Any]:
    """Undo the merge that stands of a record."""
    made = Merge.objects.standing().get(gone=gone)
    payload = {"merge": made.pk, "kept": made.kept_id, "gone": made.gone_id}
    versions = merge_states.versions_of([made.kept_id, made.gone_id])
    arguments = {"reason": "two persons", "versions": versions, "actor": CHECKER, "as_of": clock.booking_date()}
    return merging.undo(payload=payload, request_id=uuid.uuid4(), **arguments | more)


def lots_of(*members: Member) -> Counter[tuple[datetime.date, datetime.date, datetime.date]]:
    """Return what remains in the members' lots, by the day it was earned, the day it can be used from, and its last usable day."""
    rows: Counter[tuple[datetime.date, datetime.date, datetime.date]] = Counter()
    earned = {(e.member_id, e.currency_id, e.number): e.occurred_on for e in Entry.objects.all()}
    for lot in Lot.objects.filter(member_id__in=[one.pk for one in members], remaining__gt=0):
        rows[earned[lot.member_id, lot.currency_id, lot.number], lot.available_on, lot.expires_on] += lot.remaining
    return rows


def growth_of(*members: Member, currency: PointCurrency) -> dict[datetime.date, int]:
    """Return the members' growth points by the day they count on, days of 0 left out."""
    rows = Entry.objects.filter(member_id__in=[one.pk for one in members], currency_id=currency.pk)
    days = rows.values_list("occurred_on").annotate(points=Sum("points")).order_by("occurred_on")
    return {day: points for day, points in days if points}


def totals() -> dict[int, int]:
    """Return the bank's points by currency, none of 0: what is there, pending and held, less what is owed."""
    sums = Purse.objects.values_list("currency_id").annotate(
        points=Sum("available") + Sum("pending") + Sum("held") - Sum("owed")
    )
    return {currency: points for currency, points in sums.order_by("currency_id") if points}


def balance_of(member: Member, currency: PointCurrency) -> dict[str, int]:
    """Return a purse's figures of the moment, without those that are 0; {} without a purse."""
    rows = Purse.objects.filter(member_id=member.pk, currency_id=currency.pk).values(
        "available", "pending", "held", "owed"
    )
    return {name: figure for row in rows for name, figure in row.items() if figure}


def picture() -> dict[str, Any]:
    """Return everything that a refusal must leave as it was."""
    return {
        "entries": list(Entry.objects.order_by("pk").values_list("member_id", "currency_id", "number", "points")),
        "members": list(Member.objects.order_by("pk").values_list("pk", "status", "merged_into", "user")),
        "merges": list(Merge.objects.order_by("pk").values_list("pk", "undone_at")),
    }
