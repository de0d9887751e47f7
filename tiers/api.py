"""The API on tiers: the programmes and what their tiers ask, and a member's tiers on any past day for those who may read him."""

import datetime
from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from foundation.access.scopes import READ
from foundation.jobs import clock, fencing
from foundation.web.views import ApiView
from members.api import MayReadMembers, visible_members
from tiers import describing
from tiers.compiling import Ladder, ladders_in_force
from tiers.explaining import Group
from tiers.looking_back import Past, look_back
from tiers.models import Decision, Protection, RuleBook, Tier


class TierOut(serializers.Serializer):
    """A tier's code and its name in the language asked for."""

    code = serializers.CharField()
    name = serializers.CharField()


class ConditionOut(serializers.Serializer):
    """One minimum beside the member's figure; `gap` is 0 where it is met. Figures in points, minor units of money, counts, months, grades.

    Where it `excludes`, the figure must lie under the minimum. The figure of a grade that was never reported is null.
    """

    measure = serializers.CharField()
    label = serializers.CharField()
    value = serializers.IntegerField(allow_null=True)
    minimum = serializers.IntegerField()
    gap = serializers.IntegerField()
    met = serializers.BooleanField()
    excludes = serializers.BooleanField()
    progress = serializers.IntegerField()


class GroupOut(serializers.Serializer):
    """Minima that must be met together; any group is enough."""

    met = serializers.BooleanField()
    conditions = ConditionOut(many=True)


class ProtectionOut(serializers.Serializer):
    """A tier below which no review lowers the member from the close of `startsOn` to the day before `until`."""

    kind = serializers.ChoiceField(choices=Protection.Kind.values)
    tier = TierOut()
    startsOn = serializers.DateField()  # noqa: N815
    until = serializers.DateField()


class MadeOut(serializers.Serializer):
    """A decision of a review: its date, what it did, by which rule book, until when the tier is valid by it, and in words why."""

    date = serializers.DateField()
    outcome = serializers.ChoiceField(choices=Decision.Outcome.choices)
    fromTier = TierOut()  # noqa: N815
    toTier = TierOut()  # noqa: N815
    ruleBook = serializers.IntegerField()  # noqa: N815
    sentence = serializers.CharField()


class PastOut(serializers.Serializer):
    """The member's tier in a programme at the end of a day, and the decision behind it with the figures and minima of then."""

    programme = serializers.CharField()
    name = serializers.CharField()
    tier = TierOut()
    validUntil = serializers.DateField(allow_null=True)  # noqa: N815
    graceUntil = serializers.DateField(allow_null=True)  # noqa: N815
    sentence = serializers.CharField()
    protection = ProtectionOut(allow_null=True)
    decision = MadeOut(allow_null=True)
    keeping = GroupOut(many=True)
    rising = GroupOut(many=True)


class PastsOut(serializers.Serializer):
    """The member's tiers at the end of a day."""

    date = serializers.DateField()
    programmes = PastOut(many=True)


class DateIn(serializers.Serializer):
    """The day that is asked for; without one the last closed business date."""

    date = serializers.DateField(required=False, default=None)


class MemberTier(ApiView):
    """A member's tiers on a day."""

    permission_classes = [MayReadMembers]
    required_scopes = ["members:read"]

    @extend_schema(
        operation_id="getMemberTier",
        summary="Look back at a member's tiers on a past day",
        tags=["Members"],
        parameters=[
            OpenApiParameter("date", OpenApiTypes.DATE, description="A closed business date; without it the last one.")
        ],
        responses={200: PastsOut},
    )
    def get(self, request: Request, member_id: int) -> Response:
        """Give the tier in each programme at the end of the day, and the decision that it rested on, figure by figure."""
        asked = DateIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        member = visible_members(request).filter(pk=member_id).first()
        if member is None:
            raise exceptions.NotFound
        last_closed = fencing.last_closed()
        day = asked.validated_data["date"] or last_closed or clock.today()
        past = look_back(member=member, day=day, last_closed=last_closed)
        return Response(PastsOut({"date": day, "programmes": [_past(one, day=day) for one in past]}).data)


def tier_out(tier: Tier) -> dict[str, str]:
    """Return a tier as the wire has it."""
    return {"code": tier.code, "name": str(tier)}


def group_out(group: Group) -> dict[str, Any]:
    """Return a group of minima beside the member's figures as the wire has it."""
    conditions = [
        {
            "measure": one.measure.key,
            "label": one.label,
            "value": one.value.rounded,
            "minimum": one.minimum,
            "gap": one.gap,
            "met": one.met,
            "excludes": one.excludes,
            "progress": one.percent,
        }
        for one in group.measured
    ]
    return {"met": group.met, "conditions": conditions}


def protection_out(protection: Protection | None, *, as_of: datetime.date) -> dict[str, Any] | None:
    """Return a protection as the wire has it; None where there is none, or its time is over."""
    if protection is None or protection.ends_on <= as_of:
        return None
    dates = {"startsOn": protection.starts_on, "until": protection.ends_on}
    return {"kind": protection.kind, "tier": tier_out(protection.tier)} | dates


def _past(past: Past, *, day: datetime.date) -> dict[str, Any]:
    decision = past.decision
    return {
        "programme": past.programme.code,
        "name": str(past.programme),
        "tier": tier_out(past.tier),
        "validUntil": past.valid_until,
        "graceUntil": past.grace_until,
        "sentence": past.reason,
        "protection": protection_out(past.protection, as_of=day),
        "decision": decision
        and {
            "date": decision.as_of,
            "outcome": decision.outcome,
            "fromTier": tier_out(decision.from_tier),
            "toTier": tier_out(decision.to_tier),
            "ruleBook": decision.rule_book.number,
            "sentence": past.reason,
        },
        "keeping": [group_out(group) for group in past.keeping],
        "rising": [group_out(group) for group in past.rising],
    }


class IsKnown(BasePermission):
    """A person who is signed in, or a system with a token: how a programme works is no secret among them."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.auth is not None or bool(request.user and request.user.is_authenticated)


class RungOut(serializers.Serializer):
    """A tier of a programme: what it asks to be entered and to be kept, in words, and what it multiplies points by."""

    id = serializers.CharField()
    programme = serializers.CharField()
    code = serializers.CharField()
    name = serializers.CharField()
    rank = serializers.IntegerField()
    entering = serializers.CharField()
    keeping = serializers.CharField()
    multiplier = serializers.DecimalField(max_digits=6, decimal_places=3)


class ProgrammeOut(serializers.Serializer):
    """A programme with its ladder, by the rule book in force: how it reviews, how long a tier lasts, what counts."""

    code = serializers.CharField()
    name = serializers.CharField()
    main = serializers.BooleanField()
    ruleBook = serializers.IntegerField()  # noqa: N815
    inForceFrom = serializers.DateField()  # noqa: N815
    calendar = serializers.ChoiceField(choices=RuleBook.Calendar.values)
    lasting = serializers.ListField(child=serializers.CharField())
    counting = serializers.ListField(child=serializers.CharField())
    tiers = RungOut(many=True)


class ProgrammesOut(serializers.Serializer):
    """Every programme with a rule book in force."""

    data = ProgrammeOut(many=True)


class RungsOut(serializers.Serializer):
    """Every tier of every programme with a rule book in force."""

    data = RungOut(many=True)


def _programme(ladder: Ladder) -> dict[str, Any]:
    book, described = ladder.rule_book, describing.described(ladder)
    return {
        "code": book.programme.code,
        "name": str(book.programme),
        "main": book.programme.is_main,
        "ruleBook": book.number,
        "inForceFrom": book.in_force_from,
        "calendar": book.calendar,
        "lasting": described.lasting,
        "counting": described.counting,
        "tiers": [
            tier_out(one.tier)
            | {
                "id": f"tie_{one.tier.pk}",
                "programme": book.programme.code,
                "rank": one.tier.rank,
                "entering": one.entering,
                "keeping": one.keeping or one.entering,
                "multiplier": one.multiplier,
            }
            for one in described.tiers
        ],
    }


def _programmes() -> list[dict[str, Any]]:
    ladders = ladders_in_force(as_of=clock.today())
    ladders.sort(key=lambda ladder: (not ladder.rule_book.programme.is_main, ladder.rule_book.programme_id))
    return [_programme(ladder) for ladder in ladders]


class Programmes(ApiView):
    """The bank's programmes."""

    permission_classes = [IsKnown]
    app_scopes = {"GET": READ}

    @extend_schema(
        operation_id="listProgrammes",
        summary="List the programmes, their tiers and rules",
        tags=["Programmes"],
        responses={200: ProgrammesOut},
    )
    def get(self, request: Request) -> Response:
        """List every programme by the rule book in force today, the main one first, its rules in sentences."""
        return Response(ProgrammesOut({"data": _programmes()}).data)


class Tiers(ApiView):
    """The tiers of the bank's programmes."""

    permission_classes = [IsKnown]
    app_scopes = {"GET": READ}

    @extend_schema(
        operation_id="listTiers",
        summary="List the tiers of all programmes",
        tags=["Programmes"],
        responses={200: RungsOut},
    )
    def get(self, request: Request) -> Response:
        """List every tier, programme by programme from standard up, with what it asks and gives."""
        return Response(RungsOut({"data": [tier for one in _programmes() for tier in one["tiers"]]}).data)


urlpatterns = [
    path("members/<mem:member_id>/tier", MemberTier.as_view()),
    path("programmes", Programmes.as_view()),
    path("tiers", Tiers.as_view()),
]
