"""The second step of signing in, as allauth asks for it: how secrets are kept, what a passkey is bound to, how a code is tried."""

import base64
import secrets
from urllib.parse import urlsplit

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access import second_factors
from foundation.access.signing_in import is_known
from foundation.jobs import clock

NONCE_BYTES = 12
BOUND_TO = b"second factor"


def relying_party() -> str:
    """Return the host that passkeys are bound to: SITE_URL's. A browser takes no address of numbers; there it is localhost."""
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    return "localhost" if host in ("127.0.0.1", "::1") else host


class Adapter(DefaultMFAAdapter):
    """Secrets are encrypted under the house's key; passkeys belong to SITE_URL, whatever Host a request names."""

    def encrypt(self, text: str) -> str:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return base64.b64encode(
            nonce + AESGCM(settings.PERSONAL_DATA_KEY).encrypt(nonce, text.encode(), BOUND_TO)
        ).decode()

    def decrypt(self, encrypted_text: str) -> str:
        sealed = base64.b64decode(encrypted_text)
        key = AESGCM(settings.PERSONAL_DATA_KEY)
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], BOUND_TO).decode()

    def get_totp_issuer(self) -> str:
        return str(settings.SITE_NAME)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": relying_party(), "name": str(settings.SITE_NAME)}


class CodeForm(AuthenticateForm):
    """The code of the app, or a recovery code: tried once, by the database's count."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "class": "digits"}),
    )

    def clean_code(self) -> str:
        given = self.cleaned_data["code"]
        factor = transactions.commit(
            second_factors.try_code,
            user=self.user,
            given=given,
            from_known=is_known(context.request, self.user),
            at=clock.now(),
        )
        if factor is None:
            raise forms.ValidationError(str(second_factors.FactorCodeRefused()))
        factor.user = self.user
        self.authenticator = factor
        return given
