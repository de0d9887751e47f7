"""The API for the core bank's systems that report facts of members: each item with its own outcome."""

import datetime

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from oauth2_provider.contrib.rest_framework import TokenHasScope
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from foundation import transactions
from foundation.jobs import clock
from foundation.periods import day_of
from foundation.web.requests import actor
from foundation.web.views import ApiView
from members import taking_facts
from members.reports import REASONS
from members.taking_facts import FactReport

MOST_ITEMS = 500
FACT_OUTCOMES = ["recorded", "unchanged", "superseded", "refused"]


class FactIn(serializers.Serializer):
    """One fact of a member, by the catalogue's code; without a day it counts as told today, an empty value takes it out."""

    member = serializers.CharField(max_length=20)
    fact = serializers.CharField(max_length=20)
    value = serializers.CharField(max_length=400, allow_blank=True)
    toldOn = serializers.DateField(required=False, allow_null=True, default=None)  # noqa: N815

    def validate_toldOn(self, value: datetime.date | None) -> datetime.date | None:  # noqa: N802
        if value is not None and value.year < 1900:
            raise serializers.ValidationError(_("The day lies before 1900 or after today."), code="invalid_told_on")
        return value


class FactsIn(serializers.Serializer):
    """A batch of 1 to 500 facts."""

    facts = FactIn(many=True, allow_empty=False, max_length=MOST_ITEMS)


class FactResultOut(serializers.Serializer):
    """What became of one fact; where it was refused, why."""

    index = serializers.IntegerField()
    outcome = serializers.ChoiceField(choices=FACT_OUTCOMES)
    code = serializers.CharField(allow_null=True)
    detail = serializers.CharField(allow_blank=True)


class FactResultsOut(serializers.Serializer):
    """A result for each fact, in the order sent."""

    results = FactResultOut(many=True)


class FactsBatch(ApiView):
    """Facts of members, as systems of the bank report them."""

    permission_classes = [TokenHasScope]
    required_scopes = ["facts:write"]

    @extend_schema(
        operation_id="reportFacts",
        summary="Report facts of members",
        tags=["Facts"],
        request=FactsIn,
        responses={200: FactResultsOut},
    )
    def post(self, request: Request) -> Response:
        """Take up to 500 facts; each gets its own result, and the whole batch may be sent again after a lost answer."""
        parsed = FactsIn(data=request.data)
        parsed.is_valid(raise_exception=True)
        at = clock.now()
        batch = [
            FactReport(member_number=one["member"], fact=one["fact"], value=one["value"], told_on=one["toldOn"])
            for one in parsed.validated_data["facts"]
        ]
        outcomes = transactions.commit(taking_facts.take, batch=batch, today=day_of(at), at=at, actor=actor(request))
        return Response({"results": [_result(index, outcome) for index, outcome in enumerate(outcomes)]})


def _result(index: int, outcome: str) -> dict[str, object]:
    if outcome in FACT_OUTCOMES:
        return {"index": index, "outcome": outcome, "code": None, "detail": ""}
    return {"index": index, "outcome": "refused", "code": outcome, "detail": str(REASONS[outcome][1])}


urlpatterns = [path("facts:batch", FactsBatch.as_view())]
