"""The API of redemptions: for systems that redeem for members by number, and for a member's own session."""

import datetime
import uuid
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from oauth2_provider.contrib.rest_framework import TokenHasScope
from rest_framework import exceptions, serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from foundation.access import stepping_up
from foundation.access.scopes import READ, REDEEM, is_of_an_app
from foundation.actors import Actor
from foundation.idempotency.answering import Answer
from foundation.jobs import clock
from foundation.refusals import Refusal
from foundation.transactions import commit
from foundation.web import idempotency, paging
from foundation.web.requests import actor
from foundation.web.views import CURSOR, LIMIT, ApiView
from members.models import Member
from points import pooling, redeeming, reserving, restoring
from points.ledger import UnknownPointCurrency
from points.models import PointCurrency, Redemption
from points.redemptions import RedemptionQuerySet

PREFIX = "rdm_"
# Whose points pay: the member's own, or those of the head of his family.
OWN, FAMILY = PAY_FROM = ("own", "family")
# A system's token with the scope, a member's app with his, or his session.
AUTH: Any = [{"oauth2": ["redemptions:write"]}, {"oauth2": [REDEEM]}, {"cookieAuth": []}]
READING: Any = [{"oauth2": ["redemptions:write"]}, {"oauth2": [READ]}, {"cookieAuth": []}]


class UnknownMember(Refusal):
    code = "unknown_member"
    status = 422
    sentence = _("There is no member of this number here.")


class PoolNotHeld(Refusal):
    code = "pool_not_held"
    status = 422
    sentence = _("The family's points are used at once; they can't be held.")


class HoldNotAllowed(Refusal):
    code = "hold_not_allowed"
    status = 422
    sentence = _("Only a system holds points; a member uses them at once.")


class MayRedeem(BasePermission):
    """A system with the scope redemptions:write, or a member, or his app; the view's `member` is he, or None for a system."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.auth is not None and not is_of_an_app(request.auth):
            view.member = None
            return TokenHasScope().has_permission(request, view)
        if not request.user.is_authenticated:
            return False
        view.member = Member.objects.filter(user=request.user).first()
        return view.member is not None and (request.auth is None or view.member.status != Member.Status.CLOSED)


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": redeeming.MOST_POINTS})
class PointsField(serializers.Field):
    """A whole number of points as JSON has it: `1.0` is 1; text, true, fractions and what has no end are none."""

    default_error_messages = {
        "invalid": _("Points are a whole number, without quotes, separators or fractions."),
        "min_value": _("One point is the least."),
        "max_value": _("1,000,000,000,000 points are the most."),
    }

    def to_internal_value(self, data: Any) -> int:
        whole = isinstance(data, int) and not isinstance(data, bool)
        if not whole and not (isinstance(data, float) and data.is_integer()):
            self.fail("invalid")
        if data < 1:
            self.fail("min_value")
        if data > redeeming.MOST_POINTS:
            self.fail("max_value")
        return int(data)


class StrictBoolean(serializers.BooleanField):
    """True or false as JSON has them, no words for them."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class RedemptionIn(serializers.Serializer):
    """A redemption asked for: `member` is for systems, `currency` is the bank's first reward points unless given; without a
    `reference` of the caller's own the idempotency key is it. With `hold` a system holds the points only, for `holdMinutes`
    at most, and captures or releases them when it knows. With `payFrom` family the head of the member's family pays, within the
    limit that he has set for the month."""

    member = serializers.CharField(max_length=20, required=False)
    points = PointsField()
    currency = serializers.CharField(max_length=20, required=False)
    reference = serializers.RegexField(idempotency.KEY, max_length=100, required=False)
    purpose = serializers.CharField(max_length=80, required=False, allow_blank=True, default="")
    payFrom = serializers.ChoiceField(  # noqa: N815
        source="pay_from", choices=PAY_FROM, required=False, default=OWN
    )
    hold = StrictBoolean(required=False, default=False)
    holdMinutes = serializers.IntegerField(  # noqa: N815
        source="minutes", min_value=1, max_value=reserving.MOST_MINUTES, required=False, default=reserving.HOLD_MINUTES
    )


class RedemptionOut(serializers.Serializer):
    """A redemption; `ledgerEntry` is the movement that took its points, `cancelledAt` when they came back. One that was held is
    `held` until `lapsesAt` at the latest, then `done`, `released` or `lapsed`. Where the family paid, the movement is another's."""

    id = serializers.SerializerMethodField()
    member = serializers.SerializerMethodField()
    currency = serializers.CharField(source="currency.code")
    points = serializers.IntegerField()
    payFrom = serializers.SerializerMethodField()  # noqa: N815
    state = serializers.ChoiceField(choices=Redemption.State.choices)
    reference = serializers.CharField()
    purpose = serializers.CharField()
    redeemedAt = serializers.DateTimeField(source="redeemed_at")  # noqa: N815
    cancelledAt = serializers.DateTimeField(source="cancelled_at", allow_null=True)  # noqa: N815
    lapsesAt = serializers.DateTimeField(source="lapses_at", allow_null=True)  # noqa: N815
    ledgerEntry = serializers.SerializerMethodField()  # noqa: N815

    def get_id(self, redemption: Redemption) -> str:
        return f"{PREFIX}{redemption.pk.hex}"

    def get_member(self, redemption: Redemption) -> str:
        return (redemption.for_member or redemption.member).number

    @extend_schema_field({"type": "string", "enum": [OWN, FAMILY]})
    def get_payFrom(self, redemption: Redemption) -> str:  # noqa: N802
        return FAMILY if redemption.for_member_id else OWN

    def get_ledgerEntry(self, redemption: Redemption) -> str | None:  # noqa: N802
        number = redemption.entry_number
        return None if number is None or redemption.for_member_id else f"ent_{redemption.currency.code}_{number}"


ENDING: dict[str, Any] = {
    "tags": ["Redemptions"],
    "parameters": idempotency.PARAMETERS,
    "auth": AUTH,
    "request": None,
    "responses": {200: RedemptionOut},
}


class RedemptionPage(serializers.Serializer):
    """A page of redemptions, the newest first."""

    data = RedemptionOut(many=True)
    nextCursor = serializers.CharField(allow_null=True)  # noqa: N815
    hasMore = serializers.BooleanField()  # noqa: N815


class RedeemView(ApiView):
    """The base of the views: `member` is who asks for himself, None where a system asks for somebody."""

    permission_classes = [MayRedeem]
    required_scopes = ["redemptions:write"]
    app_scopes = {"GET": READ, "POST": REDEEM}
    member: Member | None

    def own(self, request: Request) -> RedemptionQuerySet:
        """Return what the caller can see: a member what he or his family redeemed, a system what it asked for."""
        rows = Redemption.objects.select_related("member", "for_member", "currency")
        return rows.seen_by(self.member) if self.member else rows.made_by(self.caller(request))

    def caller(self, request: Request) -> str:
        """Return under which name the caller's references count."""
        return redeeming.MEMBER if self.member else idempotency.caller_of(request)


class Redemptions(RedeemView):
    """Redemptions of the caller's."""

    @extend_schema(
        operation_id="listRedemptions",
        summary="List redemptions",
        tags=["Redemptions"],
        auth=READING,
        parameters=[CURSOR, LIMIT, OpenApiParameter("member", str, description="A member's number; for systems.")],
        responses={200: RedemptionPage},
    )
    def get(self, request: Request) -> Response:
        """List the caller's redemptions from the newest back, by keyset pages: a member's own, or those that the system asked for."""
        rows, limit = self.own(request).order_by("-id"), paging.limit_of(request.query_params.get("limit"))
        if number := request.query_params.get("member"):
            # The database has no NUL, and no member's number has signs that can't be printed.
            rows = rows.redeemed_by(number) if number.isprintable() else rows.none()
        if cursor := request.query_params.get("cursor"):
            rows = rows.filter(pk__lt=paging.decode(cursor, _uuid)[0])
        shown, following = paging.page(list(rows[: limit + 1]), limit, key=lambda row: [row.pk.hex])
        data = {"data": shown, "nextCursor": following, "hasMore": following is not None}
        return Response(RedemptionPage(data).data)

    @extend_schema(
        operation_id="redeem",
        summary="Redeem points",
        tags=["Redemptions"],
        parameters=idempotency.PARAMETERS,
        auth=AUTH,
        request=RedemptionIn,
        responses={201: RedemptionOut, 200: RedemptionOut},
    )
    def post(self, request: Request) -> Response:
        """Take points for a purpose, or hold them, the first to lapse first.

        A reference that came before gives its redemption as it stands, with 200.
        """
        key = idempotency.key_of(request)
        parsed = RedemptionIn(data=request.data)
        parsed.is_valid(raise_exception=True)
        wished, at = parsed.validated_data, clock.now()
        if wished["hold"] and self.member:
            raise HoldNotAllowed(field="hold")
        if wished["hold"] and wished["pay_from"] == FAMILY:
            raise PoolNotHeld(field="payFrom")
        member = self.member_named(wished.get("member"))
        if self.member:
            stepping_up.demand(request, for_what=stepping_up.SPEND, at=at, points=wished["points"])
        asked = idempotency.asked(request, member_id=member.pk, route="POST /redemptions", content=wished, at=at)
        return idempotency.sent(
            commit(
                _hold if wished["hold"] else _redeem_pooled if wished["pay_from"] == FAMILY else _redeem,
                idempotency=asked,
                minutes=wished["minutes"],
                member=member,
                currency=_currency(wished.get("currency")),
                points=wished["points"],
                purpose=wished["purpose"],
                caller=self.caller(request),
                reference=wished.get("reference", key),
                at=at,
                actor=actor(request),
            )
        )

    def member_named(self, number: str | None) -> Member:
        """Return the member to redeem for: he who asks, or for a system the one of that number; refuses unknown_member."""
        if self.member and number in (None, self.member.number):
            return self.member
        member = Member.objects.filter(number=number).first() if number and not self.member else None
        if member is None:
            raise UnknownMember(field="member")
        return member


class OneRedemption(RedeemView):
    """One redemption of the caller's."""

    @extend_schema(
        operation_id="getRedemption",
        summary="Read a redemption",
        tags=["Redemptions"],
        auth=READING,
        responses={200: RedemptionOut},
    )
    def get(self, request: Request, redemption_id: uuid.UUID) -> Response:
        """Read one redemption as it stands; another's does not exist for the caller."""
        return Response(RedemptionOut(_found(self.own(request), redemption_id)).data)


class EndRedemption(RedeemView):
    """The base of what ends a redemption of the caller's, once per key."""

    what: str
    verb: Callable[..., Redemption]

    def end(self, request: Request, redemption_id: uuid.UUID, **more: Any) -> HttpResponse:
        """Run the verb on a redemption that the caller asked for himself; another's does not exist for him."""
        at = clock.now()
        asked_for = self.own(request).made_by(self.caller(request))
        redemption = _found(asked_for.redeemed_by(self.member.number) if self.member else asked_for, redemption_id)
        asked = idempotency.asked(
            request,
            member_id=redemption.member_id,
            route=f"POST /redemptions/{{id}}/{self.what}",
            content={"id": redemption_id},
            at=at,
        )
        arguments = {"redemption": redemption, "at": at, "actor": actor(request), **more}
        return idempotency.sent(commit(_end, idempotency=asked, verb_of_end=type(self).verb, **arguments))


class CancelRedemption(EndRedemption):
    """A redemption of the caller's, to be cancelled."""

    what, verb = "cancel", restoring.cancel

    @extend_schema(operation_id="cancelRedemption", summary="Cancel a redemption", **ENDING)
    def post(self, request: Request, redemption_id: uuid.UUID) -> HttpResponse:
        """Give the points back, usable until their own last day or for 30 days, whichever is longer.

        A system cancels what it asked for itself; a member what he redeemed himself, for seven days.
        """
        return self.end(request, redemption_id, within=restoring.WINDOW if self.member else None)


class CaptureRedemption(EndRedemption):
    """A redemption whose points are held, to be done."""

    what, verb = "capture", reserving.capture

    @extend_schema(operation_id="captureRedemption", summary="Capture held points", **ENDING)
    def post(self, request: Request, redemption_id: uuid.UUID) -> HttpResponse:
        """Take the points that were held: the redemption is done."""
        return self.end(request, redemption_id)


class ReleaseRedemption(EndRedemption):
    """A redemption whose points are held, to be let go."""

    what, verb = "release", reserving.release

    @extend_schema(operation_id="releaseRedemption", summary="Release held points", **ENDING)
    def post(self, request: Request, redemption_id: uuid.UUID) -> HttpResponse:
        """Give the points that were held back to the member."""
        return self.end(request, redemption_id)


def _uuid(raw: object) -> uuid.UUID:
    return uuid.UUID(str(raw))


def _redeem(*, member: Member, currency: PointCurrency, minutes: int, **wish: Any) -> Answer:
    return _told(redeeming.redeem(member_id=member.pk, currency_id=currency.pk, **wish), member, currency)


def _redeem_pooled(*, member: Member, currency: PointCurrency, minutes: int, **wish: Any) -> Answer:
    redeemed = pooling.redeem(member_id=member.pk, currency_id=currency.pk, **wish)
    redeemed.redemption.currency = currency
    return _answered(redeemed)


def _hold(
    *, member: Member, currency: PointCurrency, minutes: int, at: datetime.datetime, actor: Actor, **wish: Any
) -> Answer:
    asked = redeeming.Wish(member_id=member.pk, currency_id=currency.pk, **wish)
    return _told(reserving.hold(wish=asked, minutes=minutes, at=at, actor=actor), member, currency)


def _told(redeemed: redeeming.Redeemed, member: Member, currency: PointCurrency) -> Answer:
    redeemed.redemption.member, redeemed.redemption.currency = member, currency
    return _answered(redeemed)


def _answered(redeemed: redeeming.Redeemed) -> Answer:
    return idempotency.answer(200 if redeemed.came_before else 201, RedemptionOut(redeemed.redemption).data)


def _end(*, verb_of_end: Callable[..., Redemption], **arguments: Any) -> Answer:
    return idempotency.answer(200, RedemptionOut(verb_of_end(**arguments)).data)


def _currency(code: str | None) -> PointCurrency:
    """Return the reward currency of that code, without one the bank's first; refuses unknown_point_currency."""
    rewards = PointCurrency.objects.filter(kind=PointCurrency.Kind.REWARD).order_by("id")
    currency = rewards.filter(code=code).first() if code else rewards.first()
    if currency is None:
        raise UnknownPointCurrency(field="currency")
    return currency


def _found(rows: RedemptionQuerySet, redemption_id: uuid.UUID) -> Redemption:
    redemption = rows.filter(pk=redemption_id).first()
    if redemption is None:
        raise exceptions.NotFound
    return redemption


urlpatterns = [
    path("redemptions", Redemptions.as_view()),
    path("redemptions/<rdm:redemption_id>", OneRedemption.as_view()),
    path("redemptions/<rdm:redemption_id>/cancel", CancelRedemption.as_view()),
    path("redemptions/<rdm:redemption_id>/capture", CaptureRedemption.as_view()),
    path("redemptions/<rdm:redemption_id>/release", ReleaseRedemption.as_view()),
]
