"""The addresses of tokens: given, given back, asked about. Their errors have the shape of RFC 6749, not of a problem."""

import hashlib
import http
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View
from oauth2_provider.models import AccessToken
from oauth2_provider.oauth2_backends import get_oauthlib_core
from oauth2_provider.views import RevokeTokenView, TokenView

INTROSPECT = "tokens:introspect"


def is_plain(request: HttpRequest) -> bool:
    """Tell whether no parameter of a request holds a NUL, which the database has none of."""
    return not any("\0" in value for sent in (request.GET, request.POST) for _name, value in sent.items())


def _bad_request(why: str) -> JsonResponse:
    return JsonResponse({"error": "invalid_request", "error_description": why}, status=http.HTTPStatus.BAD_REQUEST)


class _Plain:
    """Refuses what the database can't even look for."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not is_plain(request):
            return _bad_request("A parameter holds a character that can't be there.")
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]


@method_decorator([never_cache, csrf_exempt], name="dispatch")
class Token(_Plain, TokenView):
    """Gives a token for a code, a refresh token, or a system's credentials."""


@method_decorator([never_cache, csrf_exempt], name="dispatch")
class Revoke(_Plain, RevokeTokenView):
    """Takes a token back (RFC 7009): the app's whole sign-in with it."""


@method_decorator([never_cache, csrf_exempt, sensitive_post_parameters()], name="dispatch")
class Introspect(_Plain, View):
    """Says whether a token is alive and what for (RFC 7662), to systems with the scope tokens:introspect."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> JsonResponse:
        """Tell of the token `token`; of one that is over, was ended, or never was, only that it is not active."""
        is_known, asked = get_oauthlib_core().verify_request(request, scopes=[INTROSPECT])
        if not is_known or asked.access_token.user_id is not None:
            refused = JsonResponse({"error": "invalid_token"}, status=http.HTTPStatus.UNAUTHORIZED)
            refused["WWW-Authenticate"] = f'Bearer realm="api", scope="{INTROSPECT}"'
            return refused
        given = request.POST.get("token")
        if given is None:
            return _bad_request("Token parameter is missing.")
        checksum = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
        token = AccessToken.objects.select_related("user", "application").filter(token_checksum=checksum).first()
        if token is None or not token.is_valid() or (token.user and not token.user.is_active):
            return JsonResponse({"active": False})
        told = {
            "active": True,
            "scope": token.scope,
            "exp": int(token.expires.timestamp()),
            "token_type": "Bearer",
            "client_id": token.application.client_id,
        }
        return JsonResponse(told | ({"username": token.user.get_username()} if token.user else {}))
