"""How two records stand, side by side: what a merge would move, and the version that a decision on it rests on."""

import dataclasses
import datetime
import hashlib
from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Max, Q

from activity.models import Activity
from foundation.approvals.models import Request, Target
from members import consents
from members.models import (
    Account,
    Assignment,
    Consent,
    Enrolment,
    FamilyMembership,
    HouseholdMembership,
    Member,
)
from points import summaries
from points.models import Lot, PointCurrency, Purse
from tiers import standings
from tiers.models import Protection, Standing

LOTS_SHOWN = 12


def versions_of(member_ids: Iterable[int]) -> dict[str, str]:
    """Return by subject, `member/<id>`, a digest of all that a merge would move or decide on: purses, accounts, consents, places."""
    ids = sorted(set(member_ids))
    state: dict[int, list[Any]] = {one: [] for one in ids}
    of_member = Q(member_id__in=ids)
    purse = ("currency_id", "available", "pending", "held", "owed", "entries", "frozen")
    found = [
        Member.objects.filter(pk__in=ids)
        .order_by("pk")
        .values_list("pk", "status", "accepted_at", "branch_id", "merged_into_id", "user_id"),
        Purse.objects.filter(of_member).order_by("member_id", "currency_id").values_list("member_id", *purse),
        Account.objects.filter(of_member)
        .order_by("member_id")
        .values_list("member_id")
        .annotate(n=Count("id"), last=Max("id")),
        Consent.objects.filter(of_member).order_by("member_id").values_list("member_id").annotate(last=Max("id")),
        FamilyMembership.objects.accepted().filter(of_member).order_by("pk").values_list("member_id", "pk", "role"),
        HouseholdMembership.objects.open().filter(of_member).order_by("pk").values_list("member_id", "pk"),
        Assignment.objects.filter(of_member, ends_on=None).order_by("pk").values_list("member_id", "pk"),
        Standing.objects.filter(of_member).order_by("pk").values_list("member_id", "programme_id", "decision_id"),
        Protection.objects.filter(of_member).order_by("pk").values_list("member_id", "pk", "ended_on"),
    ]
    for place, rows in enumerate(found):
        for member_id, *values in rows:
            state[member_id].append([place, *map(str, values)])
    return {f"member/{one}": hashlib.sha256(repr(rows).encode()).hexdigest() for one, rows in state.items()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
    """One record as the comparison shows it; lists are cut, and `more_lots` says that there are more."""

    member: Member
    purses: list[tuple[PointCurrency, summaries.Balance]]
    lots: list[Lot]
    more_lots: bool
    lots_open: int
    tiers: list[standings.Stood]
    accounts: int
    activities: int
    consents: list[consents.Stand]
    family: FamilyMembership | None
    household: HouseholdMembership | None
    manager: Assignment | None
    protections: list[Protection]
    requests: list[Request]
    enrolments: int


def state_of(member: Member, *, today: datetime.date) -> State:
    """Return what a merge would move of a record, or compare; some fifteen queries, however many lots it has."""
    currencies = PointCurrency.objects.in_bulk()
    balances = summaries.balances(member_ids=[member.pk], today=today)
    open_lots = Lot.objects.filter(member_id=member.pk, remaining__gt=0, expires_on__gte=today)
    lots = list(open_lots.order_by("expires_on", "number")[: LOTS_SHOWN + 1])
    subjects = Target.objects.filter(
        Q(subject=f"member/{member.pk}")
        | Q(subject__startswith=f"purse/{member.pk}/")
        | Q(subject__startswith=f"standing/{member.pk}/")
    )
    places = FamilyMembership.objects.accepted().filter(member=member)
    return State(
        member=member,
        purses=[(currencies[key[1]], balance) for key, balance in balances.items()],
        lots=lots[:LOTS_SHOWN],
        more_lots=len(lots) > LOTS_SHOWN,
        lots_open=open_lots.count(),
        tiers=standings.at(member_id=member.pk, day=today),
        accounts=Account.objects.filter(member=member).count(),
        activities=Activity.objects.filter(member_id=member.pk).count(),
        consents=consents.stands(member_id=member.pk, on=today),
        family=places.first(),
        household=HouseholdMembership.objects.open().filter(member=member).first(),
        manager=Assignment.objects.on(today).filter(member=member).select_related("manager").first(),
        protections=list(
            Protection.objects.ending_after(today).filter(member=member).select_related("tier", "programme")
        ),
        requests=list(Request.objects.filter(status=Request.Status.PENDING, targets__in=subjects).distinct()[:5]),
        enrolments=Enrolment.objects.filter(known_member=member).count(),
    )


def points_after(kept: State, gone: State) -> list[tuple[PointCurrency, int, int]]:
    """Return of each currency the balance that the record that stays has now, and would have: what is owed is paid by what is there."""
    moving = dict(gone.purses)
    order = list(dict.fromkeys([currency for currency, _balance in (*kept.purses, *gone.purses)]))
    before = dict(kept.purses)
    nothing = summaries.Balance()
    return [
        (one, before.get(one, nothing).total, before.get(one, nothing).total + moving.get(one, nothing).total)
        for one in order
    ]
