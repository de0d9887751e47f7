"""A bank's identity provider for tests: a real server on this machine that speaks OpenID Connect, with keys of its own.

Whoever comes to its sign-in is the customer of its `customer`; `spoil` changes what it signs, as an attacker or a fault would.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from jwcrypto import jwk, jwt

CLIENT, SECRET = "membership", "a-secret-between-the-two"
Spoil = Callable[[dict[str, Any], dict[str, Any]], str | None]


class IdentityProvider:
    """The server; `requests` counts what was asked of it by path."""

    def __init__(self) -> None:
        self.customer: dict[str, Any] = {}
        self.spoil: Spoil = lambda header, claims: None
        self.codes: dict[str, dict[str, str]] = {}
        self.requests: list[str] = []
        self.described: dict[str, Any] = {}
        self.is_away = False
        self.key = self.new_key("key-1")
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def new_key(self, kid: str) -> jwk.JWK:
        """Make a key and sign by it from now on."""
        self.key = jwk.JWK.generate(kty="RSA", size=2048, kid=kid, use="sig", alg="RS256")
        return self.key

    def close(self) -> None:
        """Stop the server."""
        self.server.shutdown()
        self.server.server_close()

    def sign(self, claims: dict[str, Any], header: dict[str, Any], key: jwk.JWK | None = None) -> str:
        """Return the claims as a token, signed by the provider's key unless told."""
        made = jwt.JWT(header=header, claims=claims, algs=[header["alg"]])
        made.make_signed_token(key or self.key)
        return made.serialize()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: Any) -> None:
                pass

            def answer(self, status: int, body: dict[str, Any], **headers: str) -> None:
                sent = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                provider.requests.append(parts.path)
                if provider.is_away:
                    self.answer(503, {})
                elif parts.path == "/.well-known/openid-configuration":
                    self.answer(200, provider.description())
                elif parts.path == "/jwks":
                    self.answer(200, {"keys": [provider.key.export_public(as_dict=True)]})
                elif parts.path == "/authorize":
                    self.answer(302, {}, Location=provider.sign_in(parts.query))
                else:
                    self.answer(404, {})

            def do_POST(self) -> None:
                provider.requests.append(self.path)
                sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
                given = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
                if given != f"{CLIENT}:{SECRET}":
                    self.answer(401, {"error": "invalid_client"})
                else:
                    self.answer(*provider.exchange({name: values[0] for name, values in parse_qs(sent).items()}))

        return Handler

    def description(self) -> dict[str, Any]:
        """Return what the provider says of itself."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
        } | self.described

    def sign_in(self, query: str) -> str:
        """Sign the customer in at once; return where his browser goes then."""
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.issuer})}"

    def exchange(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Give the tokens for a code, once, to who can show the verifier."""
        known = self.codes.pop(asked.get("code", ""), None)
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if known is None or challenge != known["code_challenge"] or asked["redirect_uri"] != known["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "customer-1",
            "iat": now,
            "exp": now + 300,
            "nonce": known["nonce"],
        } | self.customer
        header = {"alg": "RS256", "kid": self.key["kid"]}
        token = self.spoil(header, claims) or self.sign(claims, header)
        return 200, {"token_type": "Bearer", "access_token": "not-used", "id_token": token}
