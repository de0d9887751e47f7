"""The API of the member's own app: what the portal shows, over the same reading. A member reaches nothing but his own."""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from foundation import transactions
from foundation.access import scopes
from foundation.access.signing_in import day_of, moment_of
from foundation.jobs import fencing
from foundation.jobs.models import Bank
from foundation.web import paging
from foundation.web.requests import actor
from foundation.web.views import CURSOR, LIMIT, ApiView
from members import sealing, spending, waking
from members.models import Member
from members.states import State
from points.models import Entry, Kind, PointCurrency
from portal import purses, telling
from tiers import explaining, standings
from tiers.api import GroupOut, ProtectionOut, TierOut, group_out, protection_out, tier_out
from tiers.describing import Words
from tiers.models import Decision

STATES = [(state.value, state.value) for state in State]
KEPT_BY = [(word, word) for word in (*spending.REFUSED, "closed")]
KINDS = [(kind.name.lower(), kind.label) for kind in Kind]


class IsMember(BasePermission):
    """A person who is a member of the bank, signed in himself, or an app that he lets act for him while he is one."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        view.member = Member.objects.select_related("branch", "person").filter(user=request.user).first()
        if view.member is not None and view.member.status == State.DORMANT:
            transactions.commit(
                waking.wake_by_visit, member=view.member, at=moment_of(request.user), actor=actor(request)
            )
        return view.member is not None and (request.auth is None or view.member.status != Member.Status.CLOSED)


class MemberView(ApiView):
    """The base of the member's own views: `self.member` is who asks."""

    permission_classes = [IsMember]
    app_scopes = {"GET": scopes.READ}
    member: Member


class MoneyOut(serializers.Serializer):
    """Money as a decimal string and its currency."""

    amount = serializers.CharField()
    currency = serializers.CharField()


class MeOut(serializers.Serializer):
    """The member himself, in clear; `keptFromSpending` says what keeps him from using points, `closesAt` when he leaves by his own wish."""

    id = serializers.CharField()
    number = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    branch = serializers.CharField()
    memberSince = serializers.DateField()  # noqa: N815
    status = serializers.ChoiceField(choices=STATES)
    keptFromSpending = serializers.ChoiceField(choices=KEPT_BY, allow_null=True)  # noqa: N815
    closesAt = serializers.DateTimeField(allow_null=True)  # noqa: N815


class Me(MemberView):
    """Who I am to the bank."""

    @extend_schema(operation_id="getMe", summary="Read my membership", tags=["Me"], responses={200: MeOut})
    def get(self, request: Request) -> Response:
        """Give the member's own number, name, branch and the day he joined."""
        member = self.member
        name = sealing.open_person(member.person).full_name if hasattr(member, "person") else ""
        shown = {"id": f"mem_{member.pk}", "number": member.number, "name": name, "branch": str(member.branch)}
        shown |= {"memberSince": member.joined_on, "status": member.state, "closesAt": member.leaves_at}
        return Response(MeOut(shown | {"keptFromSpending": spending.kept_by(member) or None}).data)


class ExpiringOut(serializers.Serializer):
    """Points whose last usable day is `on`; `ifInactive`: only if the member does nothing until then."""

    on = serializers.DateField()
    points = serializers.IntegerField()
    ifInactive = serializers.BooleanField()  # noqa: N815


class BalanceOut(serializers.Serializer):
    """A purse: what can be spent, what is on its way, what is held for a partner, what is owed, what lapses in the next twelve months;
    `frozen`: it can't be spent for now."""

    currency = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=PointCurrency.Kind.choices)
    available = serializers.IntegerField()
    pending = serializers.IntegerField()
    held = serializers.IntegerField()
    owed = serializers.IntegerField()
    frozen = serializers.BooleanField()
    worth = MoneyOut(allow_null=True)
    expiring = ExpiringOut(many=True)


class BalancesOut(serializers.Serializer):
    """The member's purses on a day."""

    asOf = serializers.DateField()  # noqa: N815
    purses = BalanceOut(many=True)


class MyBalance(MemberView):
    """My points."""

    @extend_schema(operation_id="getMyBalance", summary="Read my points", tags=["Me"], responses={200: BalancesOut})
    def get(self, request: Request) -> Response:
        """Give each purse as it may be used today; what has lapsed counts nowhere, booked or not."""
        today, money = day_of(request.user), Bank.objects.get().currency
        read = [
            _purse(currency, purses.read(self.member, currency, today=today, money=money))
            for currency in PointCurrency.objects.order_by("id")
        ]
        return Response(BalancesOut({"asOf": today, "purses": read}).data)


def _purse(currency: PointCurrency, purse: purses.Purse) -> dict[str, Any]:
    worth = purse.worth_minor
    return {
        "currency": currency.code,
        "name": str(currency),
        "kind": currency.kind,
        "available": purse.balance.available,
        "pending": purse.balance.pending,
        "held": purse.balance.held,
        "owed": purse.balance.owed,
        "frozen": purse.balance.frozen,
        "worth": None if worth is None else {"amount": f"{Decimal(worth) / 100:.2f}", "currency": purse.money},
        "expiring": [
            {"on": lapse.on, "points": lapse.points, "ifInactive": lapse.if_inactive} for lapse in purse.lapses
        ],
    }


class ForeseenOut(serializers.Serializer):
    """The next decision on the tier, should nothing else happen."""

    on = serializers.DateField()
    outcome = serializers.ChoiceField(choices=Decision.Outcome.choices)
    tier = TierOut()


class StandingOut(serializers.Serializer):
    """The member's tier in a programme, why, until when, and what the next one asks."""

    programme = serializers.CharField()
    name = serializers.CharField()
    tier = TierOut()
    nextTier = TierOut(allow_null=True)  # noqa: N815
    keepDate = serializers.DateField(allow_null=True)  # noqa: N815
    graceUntil = serializers.DateField(allow_null=True)  # noqa: N815
    reviewDate = serializers.DateField()  # noqa: N815
    protection = ProtectionOut(allow_null=True)
    foreseen = ForeseenOut(allow_null=True)
    sentences = serializers.ListField(child=serializers.CharField())
    keeping = GroupOut(many=True)
    rising = GroupOut(many=True)


class StandingsOut(serializers.Serializer):
    """The member's tiers as of the last closed business date."""

    asOf = serializers.DateField(allow_null=True)  # noqa: N815
    programmes = StandingOut(many=True)


class MyTier(MemberView):
    """My tiers."""

    @extend_schema(
        operation_id="getMyTier",
        summary="Read my tiers and what is missing for the next",
        tags=["Me"],
        responses={200: StandingsOut},
    )
    def get(self, request: Request) -> Response:
        """Give the tier in each programme, number by number: what keeps it, what the next one lacks, and both in words."""
        as_of = fencing.last_closed()
        explained = list(_explained(self.member, as_of=as_of)) if as_of else []
        return Response(StandingsOut({"asOf": as_of, "programmes": [_standing(one) for one in explained]}).data)


def _explained(member: Member, *, as_of: datetime.date) -> Iterator[explaining.Explanation]:
    words, protections = Words(), explaining.protections_of(member, as_of=as_of)
    for stood in standings.at(member_id=member.pk, day=as_of):
        explained = explaining.explain(
            member=member, programme=stood.programme, as_of=as_of, stood=stood, words=words, protections=protections
        )
        if explained:
            yield explained


def _standing(explanation: explaining.Explanation) -> dict[str, Any]:
    foreseen = explanation.foreseen
    return {
        "programme": explanation.programme.code,
        "name": str(explanation.programme),
        "tier": tier_out(explanation.tier),
        "nextTier": tier_out(explanation.next_tier) if explanation.next_tier else None,
        "keepDate": explanation.valid_until,
        "graceUntil": explanation.grace_until,
        "reviewDate": explanation.dates.review_on,
        "protection": protection_out(explanation.protection, as_of=explanation.as_of),
        "foreseen": foreseen and {"on": foreseen.on, "outcome": foreseen.outcome, "tier": tier_out(foreseen.tier)},
        "sentences": explanation.sentences,
        "keeping": [group_out(group) for group in explanation.keeping],
        "rising": [group_out(group) for group in explanation.rising],
    }


class EntryOut(serializers.Serializer):
    """A movement of a purse and, in words, its reason."""

    id = serializers.CharField()
    currency = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    points = serializers.IntegerField()
    balanceAfter = serializers.IntegerField()  # noqa: N815
    occurredOn = serializers.DateField()  # noqa: N815
    bookedOn = serializers.DateField()  # noqa: N815
    title = serializers.CharField()
    explanation = serializers.CharField(allow_blank=True)


class EntryPage(serializers.Serializer):
    """A page of entries, the newest booked first."""

    data = EntryOut(many=True)
    nextCursor = serializers.CharField(allow_null=True)  # noqa: N815
    hasMore = serializers.BooleanField()  # noqa: N815


def _entries(entries: list[Entry], currency: PointCurrency, today: datetime.date) -> list[dict[str, Any]]:
    telling.tell(entries, today=today)
    return [
        {
            "id": f"ent_{currency.code}_{entry.number}",
            "currency": currency.code,
            "kind": Kind(entry.kind).name.lower(),
            "points": entry.points,
            "balanceAfter": entry.balance_after,
            "occurredOn": entry.occurred_on,
            "bookedOn": entry.booked_on,
            "title": entry.told.title,
            "explanation": entry.told.note,
        }
        for entry in entries
    ]


def currency_of(code: str | None) -> PointCurrency:
    """Return the currency of that code, without one the bank's first reward currency; no such one: not found."""
    for currency in PointCurrency.objects.order_by("id"):
        if currency.code == code or (not code and currency.kind == PointCurrency.Kind.REWARD):
            return currency
    raise exceptions.NotFound


class MyEntries(MemberView):
    """My entries."""

    @extend_schema(
        operation_id="listMyLedgerEntries",
        summary="List the movements of a purse",
        tags=["Me"],
        parameters=[
            CURSOR,
            LIMIT,
            OpenApiParameter("currency", str, description="A point currency's code; without it the reward points."),
        ],
        responses={200: EntryPage},
    )
    def get(self, request: Request) -> Response:
        """List a purse's entries from the newest booked back, by keyset pages, each with its reason in words."""
        currency, limit = (
            currency_of(request.query_params.get("currency")),
            paging.limit_of(request.query_params.get("limit")),
        )
        entries = Entry.objects.filter(member_id=self.member.pk, currency_id=currency.pk).order_by("-number")
        if cursor := request.query_params.get("cursor"):
            entries = entries.filter(number__lt=paging.decode(cursor, int)[0])
        rows, following = paging.page(list(entries[: limit + 1]), limit, key=lambda entry: [entry.number])
        data = {
            "data": _entries(rows, currency, day_of(request.user)),
            "nextCursor": following,
            "hasMore": following is not None,
        }
        return Response(EntryPage(data).data)


class MyEntry(MemberView):
    """One of my entries."""

    @extend_schema(
        operation_id="getMyLedgerEntry",
        summary="Read one movement and why it is what it is",
        tags=["Me"],
        responses={200: EntryOut},
    )
    def get(self, request: Request, code: str, number: int) -> Response:
        """Give one entry of the member's own with its reason in words; another's does not exist for him."""
        currency = currency_of(code)
        entry = Entry.objects.filter(
            member_id=self.member.pk, currency_id=currency.pk, number=min(number, 2**31 - 1)
        ).first()
        if entry is None:
            raise exceptions.NotFound
        return Response(EntryOut(_entries([entry], currency, day_of(request.user))[0]).data)


urlpatterns = [
    path("me", Me.as_view()),
    path("me/balance", MyBalance.as_view()),
    path("me/tier", MyTier.as_view()),
    path("me/ledger-entries", MyEntries.as_view()),
    path("me/ledger-entries/ent_<slug:code>_<int:number>", MyEntry.as_view()),
]
