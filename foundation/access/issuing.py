"""Issuing tokens: what django-oauth-toolkit asks of us, with what it leaves open: a disabled user's tokens are dead, a code and a
refresh token serve once however many ask at once, and a refresh token used twice ends its whole family (RFC 9700 §4.14).
"""

import hashlib
from typing import Any

from oauth2_provider.models import Grant, RefreshToken
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.oauth2.rfc6749 import errors

from foundation import transactions
from foundation.access import grants
from foundation.access.models import User
from foundation.access.scopes import is_of_an_app
from foundation.actors import Actor
from foundation.jobs import clock


class _UsedMeanwhile(Exception):
    """Another request has used the same refresh token since this one was found good."""


class Validator(OAuth2Validator):
    """Checks and keeps what clients bring and get."""

    def validate_bearer_token(self, token: str, scopes: list[str], request: Any) -> bool:
        """Take a token that is alive, of a user who may sign in."""
        if not super().validate_bearer_token(token, scopes, request):
            return False
        return not is_of_an_app(request.access_token) or request.user.is_active

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Take a code that is alive, of a user who may sign in."""
        return super().validate_code(client_id, code, client, request, *args, **kwargs) and request.user.is_active

    def validate_refresh_token(self, refresh_token: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Take a refresh token that nobody has used; one that was used before ends its family."""
        checksum = hashlib.sha256(refresh_token.encode("utf-8", "surrogatepass")).hexdigest()
        known = RefreshToken.objects.filter(token_checksum=checksum).select_related("user").order_by("-pk").first()
        if known is None:
            return False
        if known.revoked is not None:
            _end_family(known, request)
            return False
        return super().validate_refresh_token(refresh_token, client, request, *args, **kwargs) and known.user.is_active

    def save_authorization_code(self, client_id: str, code: dict, request: Any, *args: Any, **kwargs: Any) -> None:
        """Keep a code and, on the trail, that the user lets the app act for him."""
        transactions.commit(self._allow, code=code, request=request)

    def _allow(self, *, code: dict, request: Any) -> None:
        self._create_authorization_code(request, code)
        said = {"user": request.user, "app": request.client, "scopes": list(request.scopes)}
        grants.keep_allowed(**said, at=clock.now(), actor=_actor(request, user=request.user))

    def save_bearer_token(self, token: dict, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep the tokens that are given out; a refresh token that another request used first ends its family."""
        used = getattr(request, "refresh_token_instance", None)
        try:
            return super().save_bearer_token(token, request, *args, **kwargs)
        except _UsedMeanwhile:
            _end_family(used, request)
            raise errors.InvalidGrantError(request=request) from None

    def _save_bearer_token(self, token: dict, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.grant_type in {"authorization_code", "refresh_token"}:
            if not grants.lock(user=request.user):
                raise errors.InvalidGrantError(request=request)
            self._use(request)
        return super()._save_bearer_token(token, request, *args, **kwargs)

    def _use(self, request: Any) -> None:
        """Use up the code or see that the refresh token is unused, under the user's lock: two who ask at once get one answer."""
        if request.grant_type == "authorization_code":
            if not Grant.objects.filter(code=request.code, application=request.client).delete()[0]:
                raise errors.InvalidGrantError(request=request)
        elif not RefreshToken.objects.filter(pk=request.refresh_token_instance.pk, revoked=None).exists():
            raise _UsedMeanwhile

    def invalidate_authorization_code(self, client_id: str, code: str, request: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: a code is used up where its tokens are kept."""


def _end_family(token: RefreshToken, request: Any) -> None:
    ended = {"family": token.token_family, "user": token.user, "at": clock.now(), "actor": _actor(request)}
    transactions.commit(grants.end_family, **ended)


def _actor(request: Any, *, user: User | None = None) -> Actor:
    """Return who acts: the user who is signed in, or at the token's address the client."""
    return Actor(
        user=user,
        system="" if user else f"client {getattr(request.client, 'name', '')}"[:60],
        address=request.headers.get("REMOTE_ADDR") or None,
        request_id=request.headers.get("HTTP_X_REQUEST_ID", ""),
    )
