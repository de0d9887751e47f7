"""The API for systems and staff that read members: masked, and only those they may see."""

import django_filters
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from oauth2_provider.contrib.rest_framework import TokenHasScope
from rest_framework import exceptions, serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from foundation.access import visibility
from foundation.access.signing_in import day_of
from foundation.refusals import Refusal
from foundation.web import paging
from foundation.web.views import CURSOR, LIMIT, ApiView
from members.models import Member, MemberQuerySet

PREFIX = "mem_"
STATES = ["invited", "active", "closed"]


class RecordMerged(Refusal):
    """The record was one of two of a person; what was asked of it is asked of the one that stays."""

    code = "record_merged"
    status = 410
    sentence = _("This record was merged into %(number)s: ask for %(id)s.")


class MayReadMembers(BasePermission):
    """A system with the scope members:read, or staff whose posting lets them see members."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.auth is not None:
            return TokenHasScope().has_permission(request, view)
        return request.user.has_perm(visibility.SEE_MEMBERS)


class MemberFilter(django_filters.FilterSet):
    """What a list of members can be narrowed by."""

    branch = django_filters.CharFilter(field_name="branch__code")
    status = django_filters.ChoiceFilter(choices=[(state, state) for state in STATES], method="in_state")
    joinedFrom = django_filters.DateFilter(field_name="joined_on", lookup_expr="gte")  # noqa: N815
    joinedTo = django_filters.DateFilter(field_name="joined_on", lookup_expr="lte")  # noqa: N815

    class Meta:
        model = Member
        fields: list[str] = []

    def in_state(self, members: MemberQuerySet, name: str, state: str) -> MemberQuerySet:
        """Keep the members in a state."""
        return members.in_state(state)


class MemberOut(serializers.Serializer):
    """A member as others see him: number, branch, status, masked name."""

    id = serializers.SerializerMethodField()
    number = serializers.CharField()
    name = serializers.SerializerMethodField()
    branch = serializers.CharField(source="branch.code")
    status = serializers.ChoiceField(choices=STATES, source="state")
    memberSince = serializers.DateField(source="joined_on")  # noqa: N815

    def get_id(self, member: Member) -> str:
        return f"{PREFIX}{member.pk}"

    def get_name(self, member: Member) -> str:
        return member.person.masked_name if hasattr(member, "person") else ""


class MemberPage(serializers.Serializer):
    """A page of members in the order of their enrolment."""

    data = MemberOut(many=True)
    nextCursor = serializers.CharField(allow_null=True)  # noqa: N815
    hasMore = serializers.BooleanField()  # noqa: N815


def visible_members(request: Request) -> MemberQuerySet:
    """Return the members that the caller may see: all for a system with the scope, his subtree's for staff."""
    members = Member.objects.select_related("branch", "person")
    return members if request.auth is not None else members.visible_to(request.user, on=day_of(request.user))


class Members(ApiView):
    """Members that the caller may see."""

    permission_classes = [MayReadMembers]
    required_scopes = ["members:read"]

    @extend_schema(
        operation_id="listMembers",
        summary="List members",
        tags=["Members"],
        parameters=[
            CURSOR,
            LIMIT,
            OpenApiParameter("branch", str, description="A branch's code."),
            OpenApiParameter(
                "status", str, enum=STATES, description="The member's status; invited: loaded, not joined."
            ),
            OpenApiParameter("joinedFrom", OpenApiTypes.DATE, description="Members since this date or later."),
            OpenApiParameter("joinedTo", OpenApiTypes.DATE, description="Members since this date or earlier."),
        ],
        responses={200: MemberPage},
    )
    def get(self, request: Request) -> Response:
        """List members by keyset pages, without counting them."""
        filtered = MemberFilter(request.query_params, queryset=visible_members(request))
        if not filtered.is_valid():
            raise exceptions.ValidationError(filtered.errors)
        members, limit = filtered.qs.order_by("pk"), paging.limit_of(request.query_params.get("limit"))
        if cursor := request.query_params.get("cursor"):
            members = members.filter(pk__gt=paging.decode(cursor, int)[0])
        rows, following = paging.page(list(members[: limit + 1]), limit, key=lambda member: [member.pk])
        return Response(
            {"data": MemberOut(rows, many=True).data, "nextCursor": following, "hasMore": following is not None}
        )


class OneMember(ApiView):
    """One member that the caller may see."""

    permission_classes = [MayReadMembers]
    required_scopes = ["members:read"]

    @extend_schema(operation_id="getMember", summary="Read a member", tags=["Members"], responses={200: MemberOut})
    def get(self, request: Request, member_id: int) -> Response:
        """Read one member; one that lies outside what the caller may see does not exist for him.

        A record that was merged answers 410 `record_merged`, naming the one that stays.
        """
        member = visible_members(request).filter(pk=member_id).first()
        if member is None:
            raise exceptions.NotFound
        kept = visible_members(request).filter(pk=member.merged_into_id).first() if member.merged_into_id else None
        if kept:
            raise RecordMerged(number=kept.number, id=f"{PREFIX}{kept.pk}")
        return Response(MemberOut(member).data)


urlpatterns = [path("members", Members.as_view()), path("members/<mem:member_id>", OneMember.as_view())]
