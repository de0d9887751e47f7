"""The API of drafts of rule books: begun, read, saved under If-Match, asked for; for staff who may propose rules."""

import uuid
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from foundation import transactions
from foundation.access.signing_in import moment_of
from foundation.approvals.requesting import LONGEST_REASON
from foundation.web import paging, preconditions
from foundation.web.requests import actor
from foundation.web.views import CURSOR, LIMIT, ApiView
from tiers import drafting, proposing, rehearsals_api, rehearsing
from tiers.compiling import load
from tiers.documents import document_of
from tiers.models import Draft, RuleBook

PREFIX = "drf_"
AUTH: Any = [{"cookieAuth": []}]
TAG_LENGTH = 32


class DraftMoved(drafting.DraftChanged):
    """The draft is not what If-Match names."""

    status = 412


class MayPropose(BasePermission):
    """A member of staff: to read with tiers.view_draft, to change with tiers.propose_rulebook; no system's token."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        needed = "tiers.view_draft" if request.method in ("GET", "HEAD", "OPTIONS") else proposing.MAY_PROPOSE
        return request.auth is None and request.user.is_authenticated and request.user.has_perm(needed)


class DraftIn(serializers.Serializer):
    """A draft to begin: from `rules` (the keys of programmes.rule_book), from the version `ruleBook`, or with neither from nothing;
    `programme` is the main one unless given."""

    programme = serializers.CharField(max_length=20, required=False)
    name = serializers.CharField(max_length=drafting.LONGEST_NAME)
    rules = serializers.DictField(required=False)
    ruleBook = serializers.IntegerField(  # noqa: N815
        source="rule_book", min_value=1, max_value=2**31 - 1, required=False
    )


class DraftChangeIn(serializers.Serializer):
    """What to change: the name, the rules as a whole, or both."""

    name = serializers.CharField(max_length=drafting.LONGEST_NAME, required=False)
    rules = serializers.DictField(required=False)


class ProposalIn(serializers.Serializer):
    """From when the rules are asked for, and why. With an `id` of your own the same proposal sent again is one request."""

    id = serializers.UUIDField(required=False)
    inForceFrom = serializers.DateField(source="in_force_from")  # noqa: N815
    protectedUntil = serializers.DateField(  # noqa: N815
        source="protected_until", required=False, allow_null=True, default=None, help_text="Nobody drops before it."
    )
    reason = serializers.CharField(max_length=LONGEST_REASON)


class DraftBrief(serializers.Serializer):
    """A draft in a list."""

    id = serializers.SerializerMethodField()
    programme = serializers.CharField(source="programme.code")
    name = serializers.CharField()
    state = serializers.CharField(help_text="open, approved or set_aside")
    digest = serializers.CharField(help_text="The SHA-256 that a rehearsal and an approval are bound to.")
    editedAt = serializers.DateTimeField(source="edited_at")  # noqa: N815

    def get_id(self, draft: Draft) -> str:
        return f"{PREFIX}{draft.pk}"


class DraftOut(DraftBrief):
    """A draft with its rules, finished or not; `rehearsal` is the last one done of exactly these."""

    basedOn = serializers.IntegerField(source="based_on.number", default=None, allow_null=True)  # noqa: N815
    rules = serializers.DictField(source="document")
    rehearsal = serializers.SerializerMethodField()

    def get_rehearsal(self, draft: Draft) -> str | None:
        found = rehearsing.latest(programme=draft.programme, digest=draft.digest)
        return f"{rehearsals_api.PREFIX}{found.pk}" if found else None


class DraftPage(serializers.Serializer):
    """A page of drafts, the newest first."""

    data = DraftBrief(many=True)
    nextCursor = serializers.CharField(allow_null=True)  # noqa: N815
    hasMore = serializers.BooleanField()  # noqa: N815


class ProposalOut(serializers.Serializer):
    """A request that another person decides."""

    id = serializers.UUIDField()
    status = serializers.CharField()
    expiresAt = serializers.DateTimeField(source="expires_at")  # noqa: N815


class Drafts(ApiView):
    """All drafts, and the beginning of a new one."""

    permission_classes = [MayPropose]

    @extend_schema(
        operation_id="listRuleBookDrafts",
        summary="List drafts of rule books",
        tags=["Rule books"],
        auth=AUTH,
        parameters=[CURSOR, LIMIT],
        responses={200: DraftPage},
    )
    def get(self, request: Request) -> Response:
        """List drafts from the newest back, by keyset pages."""
        rows = Draft.objects.select_related("programme").defer("document").order_by("-id")
        limit = paging.limit_of(request.query_params.get("limit"))
        if cursor := request.query_params.get("cursor"):
            rows = rows.filter(pk__lt=min(paging.decode(cursor, int)[0], 2**63 - 1))
        shown, following = paging.page(list(rows[: limit + 1]), limit, key=lambda row: [row.pk])
        return Response(DraftPage({"data": shown, "nextCursor": following, "hasMore": following is not None}).data)

    @extend_schema(
        operation_id="beginRuleBookDraft",
        summary="Begin a draft of a rule book",
        tags=["Rule books"],
        auth=AUTH,
        request=DraftIn,
        responses={201: DraftOut},
    )
    def post(self, request: Request) -> Response:
        """Begin a draft; its rules need not be in order yet. Location is where it is."""
        parsed = DraftIn(data=request.data)
        parsed.is_valid(raise_exception=True)
        asked = parsed.validated_data
        programme = rehearsals_api.programme_of(asked.get("programme"))
        book, document = None, asked.get("rules", {})
        if number := asked.get("rule_book"):
            if "rules" in asked:
                raise rehearsals_api.TwoSetsOfRules(field="ruleBook")
            book = RuleBook.objects.select_related("programme").filter(programme=programme, number=number).first()
            if book is None:
                raise rehearsals_api.UnknownRuleBook(field="ruleBook")
            document = document_of(load([book])[0])
        draft = transactions.commit(
            drafting.begin,
            programme=programme,
            name=asked["name"],
            document=document,
            based_on=book,
            actor=actor(request),
            at=moment_of(request.user),
        )
        answer = _told(draft, status=201)
        answer["Location"] = f"/api/v1/rule-books/drafts/{PREFIX}{draft.pk}"
        return answer


class OneDraft(ApiView):
    """One draft."""

    permission_classes = [MayPropose]

    @extend_schema(
        operation_id="getRuleBookDraft",
        summary="Read a draft of a rule book",
        tags=["Rule books"],
        auth=AUTH,
        parameters=[preconditions.ETAG],
        responses={200: DraftOut},
    )
    def get(self, request: Request, draft_id: int) -> Response:
        """Read a draft; the ETag names what it says."""
        return _told(_found(draft_id))

    @extend_schema(
        operation_id="saveRuleBookDraft",
        summary="Save a draft of a rule book",
        tags=["Rule books"],
        auth=AUTH,
        parameters=[preconditions.IF_MATCH, preconditions.ETAG],
        request=DraftChangeIn,
        responses={200: DraftOut},
    )
    def patch(self, request: Request, draft_id: int) -> Response:
        """Keep a name and rules, in order or not; 412 where somebody has saved the draft since it was read."""
        draft = _seen(request, draft_id)
        parsed = DraftChangeIn(data=request.data)
        parsed.is_valid(raise_exception=True)
        said = parsed.validated_data
        transactions.commit(
            drafting.save,
            draft_id=draft.pk,
            name=said.get("name", draft.name),
            document=said.get("rules", draft.document),
            seen=draft.digest,
            actor=actor(request),
            at=moment_of(request.user),
        )
        return _told(_found(draft_id))


class Proposal(ApiView):
    """The proposal of one draft."""

    permission_classes = [MayPropose]

    @extend_schema(
        operation_id="proposeRuleBookDraft",
        summary="Ask for a draft to come into force",
        tags=["Rule books"],
        auth=AUTH,
        parameters=[preconditions.IF_MATCH],
        request=ProposalIn,
        responses={201: ProposalOut},
    )
    def post(self, request: Request, draft_id: int) -> Response:
        """Ask for rules that are in order and rehearsed exactly as they are; another person decides, in the console."""
        draft = _seen(request, draft_id)
        parsed = ProposalIn(data=request.data)
        parsed.is_valid(raise_exception=True)
        said = {"id": uuid.uuid4()} | parsed.validated_data
        made = transactions.commit(
            proposing.ask,
            draft_id=draft.pk,
            seen=draft.digest,
            **said,
            actor=actor(request),
            at=moment_of(request.user),
        )
        return Response(ProposalOut(made).data, status=201)


def _found(draft_id: int) -> Draft:
    found = Draft.objects.filter(pk=draft_id).select_related("programme", "based_on").first()
    if found is None:
        raise exceptions.NotFound
    return found


def _seen(request: Request, draft_id: int) -> Draft:
    """Return the draft as the caller has read it; refuses precondition_required, and draft_changed where it isn't so any more."""
    draft, tag = _found(draft_id), preconditions.seen(request)
    if tag is not None and tag != draft.digest[:TAG_LENGTH]:
        raise DraftMoved
    return draft


def _told(draft: Draft, *, status: int = 200) -> Response:
    return Response(DraftOut(draft).data, status=status, headers={"ETag": f'"{draft.digest[:TAG_LENGTH]}"'})


urlpatterns = [
    path("rule-books/drafts", Drafts.as_view()),
    path("rule-books/drafts/<drf:draft_id>", OneDraft.as_view()),
    path("rule-books/drafts/<drf:draft_id>/propose", Proposal.as_view()),
]
