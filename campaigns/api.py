"""The API for systems that report activities and reversals: taken, and earned on or clawed back, at once."""

import datetime
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from oauth2_provider.contrib.rest_framework import TokenHasScope
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from activity.reports import REASONS, ActivityReport, ReversalReport
from campaigns import clawing_back, earning
from campaigns.models import RefusedClawback
from foundation.refusals import Refusal
from foundation.transactions import commit
from foundation.web.problems import flatten
from foundation.web.requests import actor
from foundation.web.views import ApiView

MOST_ITEMS = 500
MOST_BYTES = 4 * 1024 * 1024


class BatchTooLarge(Refusal):
    code = "batch_too_large"
    status = 413
    sentence = _("A batch holds 500 items and 4 MiB at most.")


class BatchMalformed(Refusal):
    code = "batch_malformed"
    status = 400
    sentence = _("A batch is an object that holds a list of objects under the name of what is reported.")


class AmountIn(serializers.Serializer):
    """Money as a decimal string and its currency."""

    amount = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=Decimal(0))
    currency = serializers.RegexField(r"^[A-Z]{3}\Z")


class ActivityIn(serializers.Serializer):
    """One activity; `member` or `account` says whose. Once per source and externalId, however often it is sent."""

    source = serializers.CharField(max_length=40)
    externalId = serializers.CharField(max_length=80, source="external_id")  # noqa: N815
    member = serializers.CharField(max_length=20, required=False, allow_blank=True, default="", source="member_number")
    account = serializers.CharField(
        max_length=40, required=False, allow_blank=True, default="", source="account_number"
    )
    kind = serializers.CharField(max_length=40)
    direction = serializers.ChoiceField(choices=["debit", "credit"], required=False, allow_blank=True, default="")
    purpose = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    amount = AmountIn(required=False, default=None)
    occurredAt = serializers.DateTimeField(source="occurred_at")  # noqa: N815
    channel = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    merchantCategory = serializers.CharField(  # noqa: N815
        max_length=40, required=False, allow_blank=True, default="", source="merchant_category"
    )
    product = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    branch = serializers.CharField(max_length=20, required=False, allow_blank=True, default="")
    attributes = serializers.DictField(required=False, default=dict)

    def validate_occurredAt(self, value: datetime.datetime) -> datetime.datetime:  # noqa: N802
        return _with_a_time(self, value)


def _with_a_time(item: serializers.Serializer, value: datetime.datetime) -> datetime.datetime:
    """Return the instant, or refuse one that was sent as a date alone."""
    if "T" not in str(item.initial_data.get("occurredAt", "")).upper():
        raise serializers.ValidationError(
            _("A time with its offset is needed, as in 2026-11-21T10:00:00+08:00."), code="invalid_occurred_at"
        )
    return value


class OriginalIn(serializers.Serializer):
    """The activity that is reversed; without a source it is the reversal's own."""

    source = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    externalId = serializers.CharField(max_length=80, source="external_id")  # noqa: N815


class RefundIn(serializers.Serializer):
    """Money as a decimal string above 0 and its currency."""

    amount = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=Decimal("0.01"))
    currency = serializers.RegexField(r"^[A-Z]{3}\Z")


class ReversalIn(serializers.Serializer):
    """What takes an activity back: `amount` of it, or all that is left. Once per source and externalId, however often it is sent."""

    source = serializers.CharField(max_length=40)
    externalId = serializers.CharField(max_length=80, source="external_id")  # noqa: N815
    member = serializers.CharField(max_length=20, required=False, allow_blank=True, default="", source="member_number")
    account = serializers.CharField(
        max_length=40, required=False, allow_blank=True, default="", source="account_number"
    )
    reverses = OriginalIn()
    amount = RefundIn(required=False, default=None)
    occurredAt = serializers.DateTimeField(source="occurred_at")  # noqa: N815

    def validate_occurredAt(self, value: datetime.datetime) -> datetime.datetime:  # noqa: N802
        return _with_a_time(self, value)


class BatchIn(serializers.Serializer):
    """A batch of 1 to 500 activities."""

    activities = ActivityIn(many=True, max_length=MOST_ITEMS)


class ReversalsIn(serializers.Serializer):
    """A batch of 1 to 500 reversals."""

    reversals = ReversalIn(many=True, max_length=MOST_ITEMS)


class EarnedOut(serializers.Serializer):
    """Points that an activity has earned in one point currency."""

    currency = serializers.CharField()
    points = serializers.IntegerField()


class ErrorOut(serializers.Serializer):
    """What is wrong with one field of an item."""

    pointer = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ResultOut(serializers.Serializer):
    """What became of one item: recorded, duplicate (with what it earned the first time), or refused with its errors."""

    index = serializers.IntegerField()
    externalId = serializers.CharField(allow_blank=True)  # noqa: N815
    outcome = serializers.ChoiceField(choices=["recorded", "duplicate", "refused"])
    earned = EarnedOut(many=True)
    errors = ErrorOut(many=True)


class BatchOut(serializers.Serializer):
    """A result for each item, in the order sent."""

    results = ResultOut(many=True)


class NotTakenOut(serializers.Serializer):
    """Points that were not taken back, and why."""

    currency = serializers.CharField()
    points = serializers.IntegerField()
    code = serializers.ChoiceField(choices=RefusedClawback.Reason.values)
    detail = serializers.CharField()


class ReversalOut(serializers.Serializer):
    """What became of one reversal: recorded, duplicate (with what it took until now), parked (no such activity yet), or refused."""

    index = serializers.IntegerField()
    externalId = serializers.CharField(allow_blank=True)  # noqa: N815
    outcome = serializers.ChoiceField(choices=["recorded", "duplicate", "parked", "refused"])
    taken = EarnedOut(many=True)
    notTaken = NotTakenOut(many=True)  # noqa: N815
    errors = ErrorOut(many=True)


class ReversalsOut(serializers.Serializer):
    """A result for each reversal, in the order sent."""

    results = ReversalOut(many=True)


class ActivitiesBatch(ApiView):
    """Activities of members, as systems of the bank report them."""

    permission_classes = [TokenHasScope]
    required_scopes = ["activities:write"]

    @extend_schema(
        operation_id="reportActivities",
        summary="Report activities and earn on them at once",
        tags=["Facts"],
        request=BatchIn,
        responses={200: BatchOut},
    )
    def post(self, request: Request) -> Response:
        """Take up to 500 activities; each item gets its own result, and a bad one spoils no other.

        Items carry their own keys (source and externalId): the whole batch may be sent again after a lost answer.
        """
        items = _items(request, "activities")
        serializers_in = [ActivityIn(data=item) for item in items]
        valid = [index for index, item in enumerate(serializers_in) if item.is_valid()]
        answers = commit(
            earning.take,
            reports=[_report(serializers_in[index].validated_data) for index in valid],
            actor=actor(request),
        )
        taken = dict(zip(valid, answers, strict=True))
        results = [_result(index, items[index], item, taken.get(index)) for index, item in enumerate(serializers_in)]
        return Response({"results": results})


class ReversalsBatch(ApiView):
    """Reversals of activities, as systems of the bank report them."""

    permission_classes = [TokenHasScope]
    required_scopes = ["activities:write"]

    @extend_schema(
        operation_id="reportReversals",
        summary="Report reversals and take back at once what their activities earned",
        tags=["Facts"],
        request=ReversalsIn,
        responses={200: ReversalsOut},
    )
    def post(self, request: Request) -> Response:
        """Take up to 500 reversals; each item gets its own result, and a bad one spoils no other.

        Items carry their own keys (source and externalId): the whole batch may be sent again after a lost answer. A reversal that
        comes before its activity is parked, and takes its points as soon as the activity earns them.
        """
        items = _items(request, "reversals")
        serializers_in = [ReversalIn(data=item) for item in items]
        valid = [index for index, item in enumerate(serializers_in) if item.is_valid()]
        answers = commit(
            clawing_back.take,
            reports=[_reversal(serializers_in[index].validated_data) for index in valid],
            actor=actor(request),
        )
        taken = dict(zip(valid, answers, strict=True))
        results = [_undone(index, items[index], item, taken.get(index)) for index, item in enumerate(serializers_in)]
        return Response({"results": results})


def _items(request: Request, what: str) -> list[Any]:
    """Return the items of the envelope, or refuse it whole."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise BatchTooLarge
    items = request.data.get(what) if isinstance(request.data, Mapping) else None
    if not isinstance(items, list) or not items:
        raise BatchMalformed(field=what)
    if len(items) > MOST_ITEMS:
        raise BatchTooLarge(field=what)
    return items


def _report(item: Mapping[str, Any]) -> ActivityReport:
    return ActivityReport(**_with_money(item))


def _reversal(item: Mapping[str, Any]) -> ReversalReport:
    fields = _with_money(item)
    original = fields.pop("reverses")
    return ReversalReport(**fields, original_source=original["source"], original_external_id=original["external_id"])


def _with_money(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item's fields, its money as a report has it."""
    fields = {name: value for name, value in item.items() if name != "amount"}
    if money := item["amount"]:
        fields |= {"amount_minor": int(money["amount"] * 100), "currency": money["currency"]}
    return fields


def _result(index: int, item: Any, parsed: ActivityIn, answer: earning.TakeAnswer | None) -> dict[str, Any]:
    result = _refused(index, item, parsed, answer.outcome if answer else "", "activities") | {"earned": []}
    if answer and answer.outcome in earning.STANDING:
        result |= {"outcome": answer.outcome, "earned": _points(answer.earned), "errors": []}
    return result


def _undone(index: int, item: Any, parsed: ReversalIn, answer: clawing_back.TakeAnswer | None) -> dict[str, Any]:
    result = _refused(index, item, parsed, answer.outcome if answer else "", "reversals") | {
        "taken": [],
        "notTaken": [],
    }
    if answer and answer.outcome in {*clawing_back.STANDING, "parked"}:
        result |= {"outcome": answer.outcome, "taken": _points(answer.taken), "errors": []}
        result["notTaken"] = [
            {"currency": code, "points": points, "code": reason, "detail": str(RefusedClawback.Reason(reason).label)}
            for code, (points, reason) in sorted(answer.refused.items())
        ]
    return result


def _points(by_currency: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"currency": code, "points": points} for code, points in sorted(by_currency.items())]


def _refused(index: int, item: Any, parsed: serializers.Serializer, outcome: str, what: str) -> dict[str, Any]:
    """Return the result of an item that was not taken: what its form says, else what the outcome says."""
    external_id = str(item.get("externalId", ""))[:80] if isinstance(item, Mapping) else ""
    errors = flatten(parsed.errors, f"/{what}/{index}")
    if outcome in REASONS:
        field, sentence = REASONS[outcome]
        pointer = f"/{what}/{index}/{WIRE_NAMES.get(field, field)}"
        errors = [{"pointer": pointer, "code": outcome, "detail": str(sentence)}]
    return {"index": index, "externalId": external_id, "outcome": "refused", "errors": errors}


# How the fields of a report are called on the wire, where that differs.
WIRE_NAMES = {
    "number": "externalId",
    "external_id": "externalId",
    "member_number": "member",
    "account_number": "account",
    "occurred_at": "occurredAt",
    "merchant_category": "merchantCategory",
    "original_external_id": "reverses/externalId",
}

urlpatterns = [
    path("activities:batch", ActivitiesBatch.as_view()),
    path("reversals:batch", ReversalsBatch.as_view()),
]
