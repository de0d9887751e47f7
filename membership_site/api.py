"""Version 1 of the API: its addresses, the token's, its description."""

from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from oauth2_provider.views import OAuthServerMetadataView
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import api as campaigns
from foundation.access import token_views
from foundation.refusals import Refusal
from foundation.web import problems
from foundation.web.views import ApiView
from members import api as members
from members import facts_api
from points import api as points
from portal import api as portal
from portal import (
    apps_api,
    authorizing,
    consents_api,
    enrolments_api,
    my_data_api,
    preferences_api,
    profile_api,
    statements_api,
)
from tiers import api as tiers
from tiers import drafts_api, rehearsals_api


class RootOut(serializers.Serializer):
    """Where to go from here."""

    version = serializers.CharField()
    openapi = serializers.CharField()
    docs = serializers.CharField()
    token = serializers.CharField()


class Root(ApiView):
    """The root of the API."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="getRoot",
        summary="Find the description and the token",
        tags=["About"],
        auth=[],
        responses={200: RootOut},
    )
    def get(self, request: Request) -> Response:
        """Say which version this is, and where its description, its pages and its tokens are."""
        return Response(
            {"version": "1", "openapi": "/api/v1/openapi.json", "docs": "/api/v1/docs", "token": "/oauth/token"}
        )


def _every_refusal(kind: type[Refusal] = Refusal) -> dict[str, type[Refusal]]:
    """Return each refusal that the loaded modules define, by its code."""
    found = {kind.code: kind}
    for below in kind.__subclasses__():
        found |= _every_refusal(below)
    return found


class ProblemOut(serializers.Serializer):
    """What a problem's code means."""

    code = serializers.CharField()
    title = serializers.CharField()


class ProblemType(ApiView):
    """The page that a problem's type leads to."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="getProblemType",
        summary="Read what a problem's code means",
        tags=["About"],
        auth=[],
        responses={200: ProblemOut},
    )
    def get(self, request: Request, code: str) -> Response:
        """Give the sentence of a code, in the language asked for."""
        refusal = _every_refusal().get(code)
        title = problems.titles().get(code) or (str(refusal.sentence) if refusal else "")
        if not title:
            return problems.not_found(request)
        return Response({"code": code, "title": title})


V1 = [
    path("", Root.as_view()),
    path("problems/<slug:code>", ProblemType.as_view()),
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="api-docs"),
    *portal.urlpatterns,
    *statements_api.urlpatterns,
    *consents_api.urlpatterns,
    *preferences_api.urlpatterns,
    *profile_api.urlpatterns,
    *facts_api.urlpatterns,
    *apps_api.urlpatterns,
    *enrolments_api.urlpatterns,
    *my_data_api.urlpatterns,
    *members.urlpatterns,
    *campaigns.urlpatterns,
    *points.urlpatterns,
    *tiers.urlpatterns,
    *rehearsals_api.urlpatterns,
    *drafts_api.urlpatterns,
    re_path(r"", csrf_exempt(problems.not_found)),
]
urlpatterns = [
    path("api/v1", Root.as_view(schema=None)),
    path("api/v1/", include(V1)),
    # The names by which the server's metadata finds them.
    path(
        "",
        include(
            (
                [
                    path("oauth/authorize", authorizing.authorize, name="authorize"),
                    path("oauth/token", token_views.Token.as_view(), name="token"),
                    path("oauth/revoke", token_views.Revoke.as_view(), name="revoke-token"),
                    path("oauth/introspect", token_views.Introspect.as_view(), name="introspect"),
                    path(".well-known/oauth-authorization-server", OAuthServerMetadataView.as_view(), name="metadata"),
                ],
                "oauth2_provider",
            )
        ),
    ),
]
