"""The API for systems that report activities: taken, and earned on, at once."""

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

from activity.reports import REASONS, ActivityReport
from campaigns import earning
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
    sentence = _("A batch holds 500 activities and 4 MiB at most.")


class BatchMalformed(Refusal):
    code = "batch_malformed"
    status = 400
    sentence = _("A batch is an object whose activities are a list of objects.")


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
        if "T" not in str(self.initial_data.get("occurredAt", "")).upper():
            raise serializers.ValidationError(
                _("A time with its offset is needed, as in 2026-11-21T10:00:00+08:00."), code="invalid_occurred_at"
            )
        return value


class BatchIn(serializers.Serializer):
    """A batch of 1 to 500 activities."""

    activities = ActivityIn(many=True, max_length=MOST_ITEMS)


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
        items = _items(request)
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


def _items(request: Request) -> list[Any]:
    """Return the items of the envelope, or refuse it whole."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise BatchTooLarge
    items = request.data.get("activities") if isinstance(request.data, Mapping) else None
    if not isinstance(items, list) or not items:
        raise BatchMalformed(field="activities")
    if len(items) > MOST_ITEMS:
        raise BatchTooLarge(field="activities")
    return items


def _report(item: Mapping[str, Any]) -> ActivityReport:
    money = item["amount"]
    fields = {name: value for name, value in item.items() if name != "amount"}
    if money:
        fields |= {"amount_minor": int(money["amount"] * 100), "currency": money["currency"]}
    return ActivityReport(**fields)


def _result(index: int, item: Any, parsed: ActivityIn, answer: earning.TakeAnswer | None) -> dict[str, Any]:
    external_id = str(item.get("externalId", ""))[:80] if isinstance(item, Mapping) else ""
    result = {"index": index, "externalId": external_id, "outcome": "refused", "earned": [], "errors": []}
    if answer is None:
        result["errors"] = flatten(parsed.errors, f"/activities/{index}")
    elif answer.outcome in earning.STANDING:
        result["outcome"] = answer.outcome
        result["earned"] = [{"currency": code, "points": points} for code, points in sorted(answer.earned.items())]
    else:
        field, sentence = REASONS[answer.outcome]
        result["errors"] = [
            {
                "pointer": f"/activities/{index}/{WIRE_NAMES.get(field, field)}",
                "code": answer.outcome,
                "detail": str(sentence),
            }
        ]
    return result


# How the fields of a report are called on the wire, where that differs.
WIRE_NAMES = {
    "number": "externalId",
    "external_id": "externalId",
    "member_number": "member",
    "account_number": "account",
    "occurred_at": "occurredAt",
    "merchant_category": "merchantCategory",
}

urlpatterns = [path("activities:batch", ActivitiesBatch.as_view())]
