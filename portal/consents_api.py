"""The API of the member's consents: read purpose by purpose, changed under If-Match."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from foundation import transactions
from foundation.access import scopes
from foundation.access.signing_in import day_of, moment_of
from foundation.web import preconditions
from foundation.web.requests import actor
from members import consents
from members.consent_texts import Channel, Purpose
from members.consents import Choice, Stand
from portal.api import MemberView

MOST = 20
# Defined here once, since the purposes have names of their own elsewhere.
PURPOSES = [(purpose.value, purpose.value) for purpose in Purpose]
CHANNELS = [(channel.value, channel.value) for channel in Channel]


class ConsentOut(serializers.Serializer):
    """How the member stands to a purpose: `given` counts for the version in force; `answeredVersion` is the one he answered last."""

    purpose = serializers.ChoiceField(choices=PURPOSES)
    version = serializers.IntegerField()
    title = serializers.CharField()
    text = serializers.CharField()
    inForceFrom = serializers.DateField()  # noqa: N815
    required = serializers.BooleanField()
    given = serializers.BooleanField()
    answeredVersion = serializers.IntegerField(allow_null=True)  # noqa: N815
    answeredAt = serializers.DateTimeField(allow_null=True)  # noqa: N815
    channel = serializers.ChoiceField(choices=CHANNELS, allow_null=True)


class ConsentsOut(serializers.Serializer):
    """The member's consents, what his membership rests on first."""

    consents = ConsentOut(many=True)


class ChoiceIn(serializers.Serializer):
    """A yes or no to the version of a purpose that was shown."""

    purpose = serializers.CharField(max_length=20)
    version = serializers.IntegerField(min_value=1, max_value=32_767)
    given = serializers.BooleanField()


class ChoicesIn(serializers.Serializer):
    """The answers: all are written, or none."""

    consents = ChoiceIn(many=True, allow_empty=False, max_length=MOST)


def choices_of(parsed: list[dict[str, Any]]) -> list[Choice]:
    """Return parsed answers as choices."""
    return [Choice(purpose=one["purpose"], version=one["version"], given=one["given"]) for one in parsed]


class MyConsents(MemberView):
    """My consents."""

    app_scopes = {"GET": scopes.READ, "PATCH": scopes.CONSENT}

    @extend_schema(
        operation_id="getMyConsents",
        summary="Read my consents",
        tags=["Me"],
        parameters=[preconditions.ETAG],
        responses={200: ConsentsOut},
    )
    def get(self, request: Request) -> Response:
        """Give each purpose's text in force and what the member said to it last; the ETag names this state."""
        return _told(consents.stands(member_id=self.member.pk, on=day_of(request.user)))

    @extend_schema(
        operation_id="changeMyConsents",
        summary="Give or withdraw consents",
        tags=["Me"],
        parameters=[preconditions.IF_MATCH, preconditions.ETAG],
        request=ChoicesIn,
        responses={200: ConsentsOut},
    )
    def patch(self, request: Request) -> Response:
        """Write the member's answers, all or none; 412 where his consents or their texts have changed since he read them."""
        seen = preconditions.seen(request)
        parsed = ChoicesIn(data=request.data)
        parsed.is_valid(raise_exception=True)
        after = transactions.commit(
            consents.choose,
            choices=choices_of(parsed.validated_data["consents"]),
            member_id=self.member.pk,
            channel=Channel.APP,
            today=day_of(request.user),
            at=moment_of(request.user),
            actor=actor(request),
            seen=seen,
        )
        return _told(after)


def _told(found: list[Stand]) -> Response:
    told = [
        {
            "purpose": stand.text.purpose,
            "version": stand.text.version,
            "title": stand.text.title,
            "text": stand.text.text,
            "inForceFrom": stand.text.in_force_from,
            "required": stand.text.is_required,
            "given": stand.holds,
            "answeredVersion": stand.last and stand.last.text.version,
            "answeredAt": stand.last and stand.last.at,
            "channel": stand.last and stand.last.channel,
        }
        for stand in found
    ]
    return Response(ConsentsOut({"consents": told}).data, headers={"ETag": f'"{consents.tag(found)}"'})


urlpatterns = [path("me/consents", MyConsents.as_view())]
