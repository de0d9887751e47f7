"""The API of the member's preferences: read with an ETag, changed under If-Match."""

from typing import Any

from django.conf import settings
from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from foundation import transactions
from foundation.access import scopes
from foundation.access.signing_in import moment_of
from foundation.web import preconditions
from foundation.web.requests import actor
from members import preferring
from members.models import Member, Preference
from members.preferences import CELLS, REMINDERS, Topic, Way
from portal.api import MemberView

TOPICS = [(topic.value, topic.value) for topic in Topic if topic != Topic.SECURITY]
LANGUAGES = [(code, code) for code, _name in settings.LANGUAGES]
DAYS = [(days, days) for days in REMINDERS]


class TopicWays(serializers.Serializer):
    """By which ways the member is told of a topic; security is always told and stands here nowhere."""

    topic = serializers.ChoiceField(choices=TOPICS)
    sms = serializers.BooleanField()
    mail = serializers.BooleanField()


@extend_schema_field({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "example": "21:00"})
class HourField(serializers.TimeField):
    """A time of the day as HH:MM: OpenAPI's own format of a time wants seconds and a zone."""


class QuietHours(serializers.Serializer):
    """Hours of the bank's zone in which no message goes out; they may pass midnight."""

    begin = HourField(format="%H:%M", input_formats=["%H:%M"])
    end = HourField(format="%H:%M", input_formats=["%H:%M"])


class PreferencesOut(serializers.Serializer):
    """What the member prefers; `quietHours` is null where he wants none, `expiryReminders` are days before points lapse."""

    language = serializers.ChoiceField(choices=LANGUAGES)
    topics = TopicWays(many=True)
    quietHours = QuietHours(allow_null=True)  # noqa: N815
    expiryReminders = serializers.ListField(child=serializers.ChoiceField(choices=DAYS))  # noqa: N815


class PreferencesIn(serializers.Serializer):
    """What is to change; what isn't given stays, topic by topic."""

    language = serializers.ChoiceField(choices=LANGUAGES, required=False)
    topics = TopicWays(many=True, required=False, max_length=len(TOPICS))
    quietHours = QuietHours(allow_null=True, required=False)  # noqa: N815
    expiryReminders = serializers.ListField(  # noqa: N815
        child=serializers.ChoiceField(choices=DAYS), required=False, max_length=len(DAYS)
    )


class MyPreferences(MemberView):
    """My preferences."""

    app_scopes = {"GET": scopes.READ, "PATCH": scopes.CONSENT}

    @extend_schema(
        operation_id="getMyPreferences",
        summary="Read my preferences",
        tags=["Me"],
        parameters=[preconditions.ETAG],
        responses={200: PreferencesOut},
    )
    def get(self, request: Request) -> Response:
        """Give by which ways the member is told what, his quiet hours, reminders and language; the ETag names this state."""
        return _told(preferring.of(self.member), member=self.member)

    @extend_schema(
        operation_id="changeMyPreferences",
        summary="Change my preferences",
        tags=["Me"],
        parameters=[preconditions.IF_MATCH, preconditions.ETAG],
        request=PreferencesIn,
        responses={200: PreferencesOut},
    )
    def patch(self, request: Request) -> Response:
        """Change what is given, all or nothing; 412 where the preferences have changed since they were read."""
        seen = preconditions.seen(request)
        parsed = PreferencesIn(data=request.data)
        parsed.is_valid(raise_exception=True)
        after = transactions.commit(
            preferring.change,
            member=self.member,
            at=moment_of(request.user),
            actor=actor(request),
            seen=seen,
            **_wishes(parsed.validated_data, self.member),
        )
        return _told(after, member=self.member)


def _wishes(given: dict[str, Any], member: Member) -> dict[str, Any]:
    """Return what is to change, as preferring.change takes it."""
    wishes: dict[str, Any] = {"language": given.get("language"), "reminders": given.get("expiryReminders")}
    if "quietHours" in given:
        quiet = given["quietHours"]
        wishes["quiet"] = (quiet["begin"], quiet["end"]) if quiet else (None, None)
    if "topics" in given:
        ways = {f"{one['topic']}/{way}": one[way] for one in given["topics"] for way in Way}
        muted = preferring.of(member).muted
        wishes["muted"] = [cell for cell in CELLS if not ways.get(cell, cell not in muted)]
    return wishes


def _told(preference: Preference, *, member: Member) -> Response:
    told = {
        "language": member.language or settings.LANGUAGE_CODE,
        "topics": [
            {"topic": topic, **{str(way): f"{topic}/{way}" not in preference.muted for way in Way}}
            for topic, _label in TOPICS
        ],
        "quietHours": preference.quiet_from and {"begin": preference.quiet_from, "end": preference.quiet_until},
        "expiryReminders": preference.reminders,
    }
    return Response(
        PreferencesOut(told).data, headers={"ETag": f'"{preferring.tag(preference, language=member.language)}"'}
    )


urlpatterns = [path("me/preferences", MyPreferences.as_view())]
