"""The bank's own sign-in vouches for a customer: OpenID Connect, code flow with PKCE; we are the relying party (docs/apps.md).

What comes back is believed only where the provider's key signed it, by an algorithm of our list, for us, for this question, now.
The provider's description and keys are kept for ten minutes; a key that is not known is asked for again, once a minute at most.
"""

import base64
import contextlib
import dataclasses
import hashlib
import hmac
import json
import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit

import redis
import requests
from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext_lazy as _
from jwcrypto import jwk, jwt
from jwcrypto.common import JWException

from foundation.refusals import Refusal

# Signatures by a key that only the provider has: never `none`, never a shared secret (RFC 8725 §3.1).
ALGORITHMS = ["RS256", "PS256", "ES256"]
KEPT_SECONDS, REFRESH_SECONDS, TIMEOUT_SECONDS = 600, 60, 5
LONGEST_ANSWER = 256 * 1024
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class NotVouchedFor(Refusal):
    code = "not_vouched_for"
    status = 403
    sentence = _("The bank's sign-in did not come through. Please begin again; nothing was changed.")


class ProviderAway(Refusal):
    code = "bank_sign_in_away"
    status = 503
    retry_after_seconds = 60
    sentence = _("The bank's sign-in does not answer just now. Please try again, or sign in another way.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """Where a browser is sent, and what its session keeps until the answer: state, nonce, verifier."""

    url: str
    kept: dict[str, str]


def is_on() -> bool:
    """Tell whether the bank's identity provider is configured."""
    return bool(settings.BANK_OIDC_ISSUER)


def ask(*, back: str) -> Question:
    """Make a question that nobody can foresee, to be answered at the address `back`; refuses bank_sign_in_away."""
    kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(kept["verifier"].encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code",
        "client_id": settings.BANK_OIDC_CLIENT_ID,
        "redirect_uri": back,
        "scope": settings.BANK_OIDC_SCOPE,
        "state": kept["state"],
        "nonce": kept["nonce"],
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    address = _endpoint("authorization_endpoint")
    return Question(url=f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}", kept=kept)


def hear(*, said: dict[str, str], kept: dict[str, str], back: str) -> dict[str, Any]:
    """Return the claims behind an answer (`said`: state, code, iss) to the question that was `kept`.

    Refuses not_vouched_for, bank_sign_in_away.
    """
    if not hmac.compare_digest(said.get("state", "").encode(), kept["state"].encode()):
        raise NotVouchedFor
    if not said.get("code") or said.get("iss", settings.BANK_OIDC_ISSUER) != settings.BANK_OIDC_ISSUER:
        raise NotVouchedFor
    asked = {
        "grant_type": "authorization_code",
        "code": said["code"],
        "redirect_uri": back,
        "code_verifier": kept["verifier"],
    }
    ours = (settings.BANK_OIDC_CLIENT_ID, settings.BANK_OIDC_CLIENT_SECRET)
    answer = _fetch("POST", _endpoint("token_endpoint"), data=asked, auth=ours)
    token = answer.get("id_token")
    if not isinstance(token, str):
        raise NotVouchedFor
    return _claims(token, nonce=kept["nonce"])


def _claims(token: str, *, nonce: str) -> dict[str, Any]:
    """Return what an ID token says, once everything about it holds (OpenID Connect Core §3.1.3.7)."""
    wanted: dict[str, Any] = {"iss": settings.BANK_OIDC_ISSUER, "aud": settings.BANK_OIDC_CLIENT_ID, "nonce": nonce}
    try:
        header, said = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
        # A `None` asks that a claim is there and holds; `nbf` may be left out.
        wanted |= dict.fromkeys({"exp", "iat", "sub"} | ({"nbf"} & said.keys()))
        key = _key(header.get("kid"), header.get("alg"))
        claims = json.loads(jwt.JWT(jwt=token, key=key, algs=ALGORITHMS, check_claims=wanted).claims)
    except (JWException, ValueError, TypeError, AttributeError) as error:
        raise NotVouchedFor from error
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != wanted["aud"]:
        raise NotVouchedFor
    return claims


def _key(kid: Any, algorithm: Any) -> jwk.JWK:
    """Return the provider's key of that name, for that algorithm; what a token says of keys beside their name is not read."""
    if not isinstance(kid, str) or algorithm not in ALGORITHMS:
        raise NotVouchedFor
    for is_fresh in (False, True):
        for described in _document("jwks", _endpoint("jwks_uri"), is_fresh=is_fresh).get("keys", []):
            fits = described.get("use", "sig") == "sig" and described.get("alg", algorithm) == algorithm
            if described.get("kid") == kid and described.get("kty") in {"RSA", "EC"} and fits:
                return jwk.JWK(**described)
        if not _may_refresh():
            break
    raise NotVouchedFor


def _endpoint(name: str) -> str:
    """Return an address of the provider's, as its own description has it; refuses one that is not safe to call."""
    address = f"{settings.BANK_OIDC_ISSUER.rstrip('/')}/.well-known/openid-configuration"
    described = _document("configuration", address)
    found = described.get(name, "")
    if described.get("issuer") != settings.BANK_OIDC_ISSUER or not isinstance(found, str) or not _is_safe(found):
        raise ProviderAway
    return found


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or (not settings.PRODUCTION and parts.hostname in LOOPBACK)


def _document(name: str, address: str, *, is_fresh: bool = False) -> dict[str, Any]:
    """Return a document of the provider's, kept for ten minutes; without Redis it is fetched each time."""
    key = f"oidc:{name}:{settings.BANK_OIDC_ISSUER}"
    with contextlib.suppress(redis.RedisError):
        if not is_fresh and (known := cache.get(key)):
            return known
    found = _fetch("GET", address)
    with contextlib.suppress(redis.RedisError):
        cache.set(key, found, timeout=KEPT_SECONDS)
    return found


def _may_refresh() -> bool:
    """Tell whether the keys may be asked for again: once a minute, so that made-up names of keys don't become requests."""
    with contextlib.suppress(redis.RedisError):
        return cache.add(f"oidc:refreshed:{settings.BANK_OIDC_ISSUER}", 1, timeout=REFRESH_SECONDS)
    return False


def _fetch(method: str, address: str, **sent: Any) -> dict[str, Any]:
    """Return the JSON object that an address answers; it leads nowhere else, and a long answer is none."""
    try:
        with requests.request(
            method, address, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True, **sent
        ) as answer:
            body = answer.raw.read(LONGEST_ANSWER + 1, decode_content=True)
    except (requests.RequestException, OSError) as error:
        raise ProviderAway from error
    if answer.status_code >= 500 or len(body) > LONGEST_ANSWER:
        raise ProviderAway
    if answer.status_code != 200:
        raise NotVouchedFor
    try:
        found = json.loads(body)
    except ValueError as error:
        raise ProviderAway from error
    if not isinstance(found, dict):
        raise ProviderAway
    return found
