"""The API of the member's own file: every fact with source, day and purpose, corrected under If-Match."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from foundation import transactions
from foundation.access.signing_in import day_of, moment_of
from foundation.web import preconditions
from foundation.web.requests import actor
from members import knowing
from members.consent_texts import Purpose
from members.facts import CATALOGUE, FACTS
from members.files import FactSource
from members.models import Member
from portal.api import MemberView

LONGEST = 400
FACT_SOURCES = [(source.value, source.value) for source in FactSource]
FACT_PURPOSES = [(purpose.value, purpose.value) for purpose in Purpose]


class FactOut(serializers.Serializer):
    """A fact: its value (of a choice the code, of several codes with commas between) and the words for it, where it comes from, since
    when, what it is held under. `withheld`: the consent was withdrawn, so it is not used; `yours`: you may correct it here."""

    code = serializers.CharField()
    label = serializers.CharField()
    value = serializers.CharField(allow_null=True)
    words = serializers.CharField(allow_blank=True)
    source = serializers.ChoiceField(choices=FACT_SOURCES, allow_null=True)
    toldOn = serializers.DateField(allow_null=True)  # noqa: N815
    purpose = serializers.ChoiceField(choices=FACT_PURPOSES)
    stale = serializers.BooleanField()
    withheld = serializers.BooleanField()
    yours = serializers.BooleanField()


class ProfileOut(serializers.Serializer):
    """Everything the bank knows of the member, and what it could."""

    facts = FactOut(many=True)


class ToldIn(serializers.Serializer):
    """What the member says of one fact; null takes it out."""

    code = serializers.CharField(max_length=20)
    value = serializers.CharField(max_length=LONGEST, allow_null=True, allow_blank=True)


class ProfileIn(serializers.Serializer):
    """What the member says of himself: all is written, or nothing."""

    facts = ToldIn(many=True, allow_empty=False, max_length=len(CATALOGUE))


class MyProfile(MemberView):
    """My file."""

    @extend_schema(
        operation_id="getMyProfile",
        summary="Read what the bank knows of me",
        tags=["Me"],
        parameters=[preconditions.ETAG],
        responses={200: ProfileOut},
    )
    def get(self, request: Request) -> Response:
        """Give every fact with its source, day and purpose; the ETag names this state."""
        return _told(self.member, request)

    @extend_schema(
        operation_id="changeMyProfile",
        summary="Correct what the bank knows of me",
        tags=["Me"],
        parameters=[preconditions.IF_MATCH, preconditions.ETAG],
        request=ProfileIn,
        responses={200: ProfileOut},
    )
    def patch(self, request: Request) -> Response:
        """Write what the member says, all or nothing; 412 where his file has changed since he read it."""
        seen = preconditions.seen(request)
        parsed = ProfileIn(data=request.data)
        parsed.is_valid(raise_exception=True)
        today = day_of(request.user)
        transactions.commit(
            knowing.put,
            member_id=self.member.pk,
            facts={one["code"]: one["value"] or "" for one in parsed.validated_data["facts"]},
            source=FactSource.MEMBER,
            told_on=today,
            today=today,
            at=moment_of(request.user),
            actor=actor(request),
            seen=seen,
        )
        return _told(self.member, request)


def _told(member: Member, request: Request) -> Response:
    read = Member.objects.select_related("person", "file").get(pk=member.pk)
    known = knowing.read(read, on=day_of(request.user))
    facts: list[dict[str, Any]] = [
        {
            "code": one.fact.code,
            "label": str(one.fact.label),
            "value": one.value or None,
            "words": one.worded,
            "source": one.source or None,
            "toldOn": one.told_on,
            "purpose": one.fact.purpose,
            "stale": one.is_stale,
            "withheld": one.is_withheld,
            "yours": FACTS[one.fact.code].of_member,
        }
        for one in known
    ]
    return Response(ProfileOut({"facts": facts}).data, headers={"ETag": f'"{knowing.tag(read, known)}"'})


urlpatterns = [path("me/profile", MyProfile.as_view())]
