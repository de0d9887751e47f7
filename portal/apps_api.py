"""The API of the apps that act for the member: listed for him and them, ended by himself."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from foundation import transactions
from foundation.access import grants
from foundation.access.signing_in import moment_of
from foundation.web.requests import actor
from portal.api import MemberView


class AppOut(serializers.Serializer):
    """An app that may act for the member: since when, when it last asked for a token, and by which scopes."""

    id = serializers.CharField()
    name = serializers.CharField()
    since = serializers.DateTimeField()
    lastUsedAt = serializers.DateTimeField()  # noqa: N815
    scopes = serializers.ListField(child=serializers.CharField())


class AppsOut(serializers.Serializer):
    """The apps that may act for the member, the one last used first."""

    data = AppOut(many=True)


class MyApps(MemberView):
    """My apps."""

    @extend_schema(
        operation_id="listMyApps", summary="List the apps that act for me", tags=["Me"], responses={200: AppsOut}
    )
    def get(self, request: Request) -> Response:
        """List the apps that the member lets act for him."""
        found = grants.connected(user=self.member.user, at=moment_of(request.user))
        told = [
            {
                "id": f"app_{one.app.pk}",
                "name": one.app.name,
                "since": one.since,
                "lastUsedAt": one.used_at,
                "scopes": one.scopes,
            }
            for one in found
        ]
        return Response(AppsOut({"data": told}).data)


class MyApp(MemberView):
    """One of my apps."""

    # An app gives its own tokens back at /oauth/revoke; another's it does not end.
    app_scopes = {}

    @extend_schema(
        operation_id="disconnectMyApp", summary="Disconnect an app", tags=["Me"], request=None, responses={204: None}
    )
    def delete(self, request: Request, app_id: int) -> Response:
        """End what an app may do for the member: its tokens are dead at once. In the member's own session only."""
        ended = {"user": self.member.user, "app_id": app_id, "at": moment_of(request.user), "actor": actor(request)}
        transactions.commit(grants.disconnect, **ended)
        return Response(status=204)


urlpatterns = [path("me/apps", MyApps.as_view()), path("me/apps/<app:app_id>", MyApp.as_view())]
