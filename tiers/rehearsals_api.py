"""The API of rehearsals: start one, follow it, read what it says; for staff who may."""

from typing import Any

from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from foundation import transactions
from foundation.access.signing_in import day_of, moment_of
from foundation.refusals import Refusal
from foundation.web import paging
from foundation.web.requests import actor
from foundation.web.views import CURSOR, LIMIT, ApiView
from tiers import rehearsing, reporting
from tiers.models import Programme, Rehearsal, RuleBook

PREFIX = "reh_"
IN_FORCE = "in-force"
AUTH: Any = [{"cookieAuth": []}]


class UnknownProgramme(Refusal):
    code = "unknown_programme"
    status = 422
    sentence = _("There is no such programme.")


class UnknownRuleBook(Refusal):
    code = "unknown_rule_book"
    status = 422
    sentence = _("The programme has no such rule book.")


class TwoSetsOfRules(Refusal):
    code = "two_sets_of_rules"
    status = 422
    sentence = _("Give a rule book or a draft, not both.")


class MayRehearse(BasePermission):
    """A member of staff: to read with tiers.view_rehearsal, to start with tiers.start_rehearsal; no system's token."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        needed = reporting.SEE if request.method in ("GET", "HEAD", "OPTIONS") else reporting.START
        return request.auth is None and request.user.is_authenticated and request.user.has_perm(needed)


class RehearsalIn(serializers.Serializer):
    """Rules to rehearse: a `draft` (the keys of programmes.rule_book), or a `ruleBook` by its number or `in-force`, which is
    the default; `programme` is the main one unless given."""

    programme = serializers.CharField(max_length=20, required=False)
    ruleBook = serializers.RegexField(  # noqa: N815
        r"^(in-force|[1-9][0-9]{0,8})\Z", source="rule_book", required=False
    )
    draft = serializers.DictField(required=False)
    months = serializers.IntegerField(min_value=1, max_value=rehearsing.MOST_MONTHS, required=False, default=12)


class RehearsalOut(serializers.Serializer):
    """A rehearsal; `result` is there when its status is done. Of a draft `digest` is the SHA-256 that an approval is bound to."""

    id = serializers.SerializerMethodField()
    status = serializers.CharField(help_text="running, done or failed")
    programme = serializers.CharField(source="programme.code")
    ruleBook = serializers.SerializerMethodField()  # noqa: N815
    digest = serializers.CharField()
    months = serializers.IntegerField()
    firstDate = serializers.DateField(source="starts_on")  # noqa: N815
    lastDate = serializers.DateField(source="ends_on")  # noqa: N815
    dates = serializers.IntegerField()
    members = serializers.IntegerField()
    expectedSeconds = serializers.IntegerField(source="expected_seconds")  # noqa: N815
    rangesDone = serializers.SerializerMethodField()  # noqa: N815
    ranges = serializers.SerializerMethodField()
    startedAt = serializers.DateTimeField(source="started_at")  # noqa: N815
    finishedAt = serializers.DateTimeField(source="finished_at", allow_null=True)  # noqa: N815
    error = serializers.CharField()
    result = serializers.SerializerMethodField()

    def get_id(self, rehearsal: Rehearsal) -> str:
        return f"{PREFIX}{rehearsal.pk}"

    def get_ruleBook(self, rehearsal: Rehearsal) -> str | None:  # noqa: N802
        if rehearsal.document is not None:
            return None
        return f"{rehearsal.rule_book.number}" if rehearsal.rule_book else IN_FORCE

    def get_rangesDone(self, rehearsal: Rehearsal) -> int:  # noqa: N802
        return rehearsal.ranges.filter(done_at__isnull=False).count()

    def get_ranges(self, rehearsal: Rehearsal) -> int:
        return rehearsal.ranges.count()

    def get_result(self, rehearsal: Rehearsal) -> dict[str, Any] | None:
        user = self.context["user"]
        return reporting.result_for(user, rehearsal, on=day_of(user))


class RehearsalBrief(serializers.Serializer):
    """A rehearsal in a list."""

    id = serializers.SerializerMethodField()
    status = serializers.CharField(help_text="running, done or failed")
    programme = serializers.CharField(source="programme.code")
    digest = serializers.CharField()
    firstDate = serializers.DateField(source="starts_on")  # noqa: N815
    lastDate = serializers.DateField(source="ends_on")  # noqa: N815
    startedAt = serializers.DateTimeField(source="started_at")  # noqa: N815

    def get_id(self, rehearsal: Rehearsal) -> str:
        return f"{PREFIX}{rehearsal.pk}"


class RehearsalPage(serializers.Serializer):
    """A page of rehearsals, the newest first."""

    data = RehearsalBrief(many=True)
    nextCursor = serializers.CharField(allow_null=True)  # noqa: N815
    hasMore = serializers.BooleanField()  # noqa: N815


class Rehearsals(ApiView):
    """All rehearsals, and the start of a new one."""

    permission_classes = [MayRehearse]

    @extend_schema(
        operation_id="listRehearsals",
        summary="List rehearsals",
        tags=["Rehearsals"],
        auth=AUTH,
        parameters=[CURSOR, LIMIT],
        responses={200: RehearsalPage},
    )
    def get(self, request: Request) -> Response:
        """List rehearsals from the newest back, by keyset pages."""
        rows = Rehearsal.objects.select_related("programme").defer("result", "document").order_by("-id")
        limit = paging.limit_of(request.query_params.get("limit"))
        if cursor := request.query_params.get("cursor"):
            rows = rows.filter(pk__lt=min(paging.decode(cursor, int)[0], 2**63 - 1))
        shown, following = paging.page(list(rows[: limit + 1]), limit, key=lambda row: [row.pk])
        data = {"data": shown, "nextCursor": following, "hasMore": following is not None}
        return Response(RehearsalPage(data).data)

    @extend_schema(
        operation_id="startRehearsal",
        summary="Start a rehearsal",
        tags=["Rehearsals"],
        auth=AUTH,
        request=RehearsalIn,
        responses={202: RehearsalOut},
    )
    def post(self, request: Request) -> Response:
        """Start replaying rules over the last months; Location is where to follow it, expectedSeconds how long one worker will need."""
        parsed = RehearsalIn(data=request.data)
        parsed.is_valid(raise_exception=True)
        asked = parsed.validated_data
        programme = programme_of(asked.get("programme"))
        started = transactions.commit(
            rehearsing.start,
            programme=programme,
            months=asked["months"],
            actor=actor(request),
            at=moment_of(request.user),
            **_rules(asked, programme),
        )
        answer = Response(RehearsalOut(started, context={"user": request.user}).data, status=202)
        answer["Location"] = f"/api/v1/rehearsals/{PREFIX}{started.pk}"
        return answer


class OneRehearsal(ApiView):
    """One rehearsal."""

    permission_classes = [MayRehearse]

    @extend_schema(
        operation_id="getRehearsal",
        summary="Read a rehearsal",
        tags=["Rehearsals"],
        auth=AUTH,
        responses={200: RehearsalOut},
    )
    def get(self, request: Request, rehearsal_id: int) -> Response:
        """Read how far a rehearsal is, and what it says when it is done; of the caller's branches."""
        found = Rehearsal.objects.filter(pk=rehearsal_id).select_related("programme", "rule_book").first()
        if found is None:
            raise exceptions.NotFound
        return Response(RehearsalOut(found, context={"user": request.user}).data)


def programme_of(code: str | None) -> Programme:
    """Return a programme by its code, the main one without; refuses unknown_programme."""
    found = None
    if code is None:
        found = Programme.objects.filter(is_main=True).first()
    elif code.isprintable():  # The database has no NUL.
        found = Programme.objects.filter(code=code).first()
    if found is None:
        raise UnknownProgramme(field="programme")
    return found


def _rules(asked: dict[str, Any], programme: Programme) -> dict[str, Any]:
    """Return what `start` takes for the rules that were asked for."""
    number = asked.get("rule_book")
    if "draft" in asked:
        if number:
            raise TwoSetsOfRules(field="ruleBook")
        return {"document": asked["draft"]}
    if number in (None, IN_FORCE):
        return {}
    book = RuleBook.objects.filter(programme=programme, number=int(number)).first() if int(number) < 2**31 else None
    if book is None:
        raise UnknownRuleBook(field="ruleBook")
    return {"rule_book": book}


urlpatterns = [
    path("rehearsals", Rehearsals.as_view()),
    path("rehearsals/<reh:rehearsal_id>", OneRehearsal.as_view()),
]
