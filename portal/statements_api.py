"""The API of statements: the months there are, one month in full, and the same as a file."""

from typing import Any

from django.http import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from foundation.access.signing_in import day_of, moment_of
from foundation.tables import XLSX
from members import sealing
from points import stating
from points.models import Kind
from portal.api import KINDS, ExpiringOut, MemberView, currency_of
from portal.statements import FORMS, PDF, MadeOut, why

CURRENCY = OpenApiParameter("currency", str, description="A point currency's code; without it the reward points.")
MONTH = OpenApiParameter("month", str, OpenApiParameter.PATH, description="The month, such as 2026-11.")


class MonthOut(serializers.Serializer):
    """A month of a purse: the balance before and after it, and how many entries were booked in it."""

    month = serializers.CharField()
    opening = serializers.IntegerField()
    closing = serializers.IntegerField()
    entries = serializers.IntegerField()


class MonthsOut(serializers.Serializer):
    """The months of a purse of which there is a statement, the newest first."""

    currency = serializers.CharField()
    data = MonthOut(many=True)


class MovedOut(serializers.Serializer):
    """What moved in the month by entries of one kind."""

    kind = serializers.ChoiceField(choices=KINDS)
    points = serializers.IntegerField()


class LineOut(serializers.Serializer):
    """An entry of a statement, in words, and the balance after it in the order of booking dates."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    bookedOn = serializers.DateField()  # noqa: N815
    occurredOn = serializers.DateField()  # noqa: N815
    title = serializers.CharField()
    explanation = serializers.CharField(allow_blank=True)
    points = serializers.IntegerField()
    balance = serializers.IntegerField()


class StatementOut(serializers.Serializer):
    """A month of a purse as of `asOf`; `final` once the month is closed: from then on it never changes."""

    currency = serializers.CharField()
    month = serializers.CharField()
    asOf = serializers.DateField()  # noqa: N815
    final = serializers.BooleanField()
    opening = serializers.IntegerField()
    closing = serializers.IntegerField()
    owed = serializers.IntegerField()
    moved = MovedOut(many=True)
    lines = LineOut(many=True)
    expiring = ExpiringOut(many=True)


class MyStatements(MemberView):
    """My statements."""

    @extend_schema(
        operation_id="listMyStatements",
        summary="List the months of which there is a statement",
        tags=["Me"],
        parameters=[CURRENCY],
        responses={200: MonthsOut},
    )
    def get(self, request: Request) -> Response:
        """List every month from the purse's first entry to the present one, with the balance before and after it."""
        currency = currency_of(request.query_params.get("currency"))
        months = stating.months(member_id=self.member.pk, currency_id=currency.pk, today=day_of(request.user))
        data = [
            {"month": one.key, "opening": one.opening, "closing": one.closing, "entries": one.entries} for one in months
        ]
        return Response(MonthsOut({"currency": currency.code, "data": data}).data)


class MyStatement(MemberView):
    """One of my statements."""

    @extend_schema(
        operation_id="getMyStatement",
        summary="Read the statement of a month",
        tags=["Me"],
        parameters=[MONTH, CURRENCY],
        responses={200: StatementOut},
    )
    def get(self, request: Request, month: str) -> Response:
        """Give the balance before, every entry booked in the month with its reason, the balance after, and what lapses next."""
        return Response(StatementOut(_shown(_made_out(self, request, month))).data)


class MyStatementFile(MemberView):
    """One of my statements, as a file."""

    @extend_schema(
        operation_id="downloadMyStatement",
        summary="Download the statement of a month",
        tags=["Me"],
        parameters=[
            MONTH,
            OpenApiParameter("form", str, OpenApiParameter.PATH, enum=FORMS, description="The file's form."),
            CURRENCY,
        ],
        responses={
            (200, PDF): OpenApiTypes.BINARY,
            (200, "text/csv"): OpenApiTypes.BINARY,
            (200, XLSX): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, month: str, form: str) -> HttpResponseBase:
        """Give the statement as a PDF, a CSV (UTF-8 with its mark) or an xlsx, in the language asked for."""
        if form not in FORMS:
            raise exceptions.NotFound
        return _made_out(self, request, month).download(form, at=moment_of(request.user))


def _made_out(view: MemberView, request: Request, month: str) -> MadeOut:
    member = view.member
    name = sealing.open_person(member.person).full_name if hasattr(member, "person") else ""
    currency = currency_of(request.query_params.get("currency"))
    return MadeOut.of(member, currency, month, holder=name, today=day_of(request.user))


def _shown(made: MadeOut) -> dict[str, Any]:
    statement = made.statement
    return {
        "currency": statement.currency.code,
        "month": statement.key,
        "asOf": statement.last_day,
        "final": statement.is_final,
        "opening": statement.opening,
        "closing": statement.closing,
        "owed": statement.owed,
        "moved": [{"kind": kind.name.lower(), "points": points} for kind, points in statement.sums.items()],
        "lines": [
            {
                "id": f"ent_{statement.currency.code}_{line.entry.number}",
                "kind": Kind(line.entry.kind).name.lower(),
                "bookedOn": line.entry.booked_on,
                "occurredOn": line.entry.occurred_on,
                "title": line.entry.told.title,
                "explanation": why(line.entry.told),
                "points": line.entry.points,
                "balance": line.balance,
            }
            for line in statement.lines
        ],
        "expiring": [{"on": day, "points": points, "ifInactive": False} for day, points in statement.expiring.items()],
    }


urlpatterns = [
    path("me/statements", MyStatements.as_view()),
    path("me/statements/<str:month>", MyStatement.as_view()),
    path("me/statements/<str:month>/<str:form>", MyStatementFile.as_view()),
]
