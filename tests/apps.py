"""An app on a member's phone: it asks by code and PKCE, keeps its tokens, and calls the API with them."""

import base64
import dataclasses
import hashlib
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client

from foundation.access.models import SystemClient, User
from foundation.access.scopes import OF_MEMBERS

BACK = "com.example.membership:/back"


def app(
    *scopes: str, client_id: str = "member-app", addresses: str = f"{BACK} http://127.0.0.1:8765/back"
) -> SystemClient:
    """Return an app that may ask for `scopes`, all that members can give unless told."""
    return SystemClient.objects.create(
        client_id=client_id,
        name="Member app",
        client_type="public",
        authorization_grant_type="authorization-code",
        client_secret="",
        redirect_uris=addresses,
        scopes=list(scopes or OF_MEMBERS),
    )


def no_browser() -> Client:
    """Return what an app calls the server with: it has no form of ours, and needs none."""
    return Client(enforce_csrf_checks=True)


def browser(user: User) -> Client:
    """Return the browser in which a person is signed in."""
    client = Client()
    client.force_login(user)
    return client


@dataclasses.dataclass
class Phone:
    """One installation of an app, with the tokens it was given last."""

    client_id: str = "member-app"
    back: str = BACK
    verifier: str = dataclasses.field(default_factory=lambda: secrets.token_urlsafe(48))
    access: str = ""
    refresh: str = ""

    @property
    def challenge(self) -> str:
        """Return the verifier's SHA-256, as S256 asks for it."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")

    def question(self, **changed: Any) -> dict[str, Any]:
        """Return what the app asks the member's browser to bring; a change to None leaves a part out."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.back,
            "scope": " ".join(OF_MEMBERS),
            "state": "state-1",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        } | changed
        return {name: value for name, value in asked.items() if value is not None}

    def ask(self, user: User, *, allow: bool = True, **changed: Any) -> dict[str, str]:
        """Let the member answer the app's question in his browser; return what the app's address is called with."""
        asked = self.question(**changed)
        form = asked | ({"allow": "true"} if allow else {})
        answer = browser(user).post("/oauth/authorize", form)
        assert answer.status_code == 302, answer.content
        assert answer["Location"].startswith(self.back), answer["Location"]
        parts = urlsplit(answer["Location"])
        return {name: values[0] for name, values in parse_qs(parts.query or parts.fragment).items()}

    def exchange(self, code: str, /, **changed: Any) -> Any:
        """Exchange a code for tokens, and keep them."""
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.back,
            "client_id": self.client_id,
            "code_verifier": self.verifier,
        } | changed
        return self._keep(
            no_browser().post("/oauth/token", {name: value for name, value in asked.items() if value is not None})
        )

    def renew(self, token: str | None = None, **changed: Any) -> Any:
        """Exchange a refresh token, the last one unless told, for new tokens, and keep them."""
        asked = {"grant_type": "refresh_token", "refresh_token": token or self.refresh, "client_id": self.client_id}
        return self._keep(no_browser().post("/oauth/token", asked | changed))

    def connect(self, user: User, *scopes: str) -> "Phone":
        """Ask, be allowed, exchange; return the app with its tokens."""
        told = self.ask(user, **({"scope": " ".join(scopes)} if scopes else {}))
        assert self.exchange(told["code"]).status_code == 200
        return self

    @property
    def api(self) -> Client:
        """Return a client of the API with the app's token."""
        return Client(headers={"authorization": f"Bearer {self.access}"})

    def _keep(self, answer: Any) -> Any:
        if answer.status_code == 200:
            self.access, self.refresh = answer.json()["access_token"], answer.json()["refresh_token"]
        return answer
