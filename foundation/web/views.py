"""The base of every API view."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from foundation.access.scopes import is_of_an_app
from foundation.web import ids  # noqa: F401  (registers the path converters that API addresses use)
from foundation.web.paging import DEFAULT_LIMIT, HIGHEST_LIMIT

CURSOR = OpenApiParameter("cursor", str, description="The nextCursor of the page before; without it, the first page.")
LIMIT = OpenApiParameter(
    "limit", int, description=f"Rows a page: {DEFAULT_LIMIT} unless given, {HIGHEST_LIMIT} at most."
)


class ApiView(APIView):
    """An API view whose answers are private to their caller and say how much of the rate limit is left.

    An app acts for its member only where `app_scopes` says by which scope, method by method: elsewhere its token opens nothing,
    whatever the member himself may do.
    """

    app_scopes: dict[str, str] = {}

    def check_permissions(self, request: Request) -> None:
        if is_of_an_app(request.auth) and AllowAny not in self.permission_classes:
            scope = self.app_scopes.get("GET" if request.method == "HEAD" else request.method or "")
            if scope is None or not request.auth.allow_scopes([scope]):
                self.permission_denied(request)
        super().check_permissions(request)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        limit = getattr(request._request if isinstance(request, Request) else request, "rate_limit", None)
        if limit:
            response["RateLimit-Policy"] = f'"minute";q={limit[0]};w=60'
            response["RateLimit"] = f'"minute";r={limit[1]};t={limit[2]}'
        return response
