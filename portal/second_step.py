"""The second step of signing in: the code of the app, a recovery code, or a passkey."""

from typing import Any

from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from foundation.access import second_factors
from foundation.access.models import User
from foundation.access.second_factors import APP, PASSKEY
from foundation.access.signing_in import moment_of
from portal import passkeys


class SecondStep(AuthenticateView):
    """allauth's view of a sign-in that waits for its second factor, with what our page says besides."""

    template_name = "security/second_step.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Go on where the code or the passkey is right; show the page again where not."""
        return self.form_valid(self.form) if passkeys.is_right(self.form) else self.form_invalid(self.form)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the page, or give what the browser needs to show one of the user's passkeys."""
        if request.headers.get("Accept") == "application/json":
            return passkeys.options_for(self.stage.login.user)
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Say which factors there are; a challenge for a passkey is made when it is asked for."""
        user = self.stage.login.user
        types = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
        return {
            "form": self.auth_form,
            "has_app": APP in types,
            "has_passkey": PASSKEY in types,
            "passkey_refused": bool(self.webauthn_form and self.webauthn_form.is_bound),
            "demo_code": demo_code(user),
        }


authenticate = never_cache(SecondStep.as_view())


def demo_code(user: User) -> str:
    """Return what the user's app shows now, for a demonstration's page to say; nothing on a real site."""
    app = Authenticator.objects.filter(user=user, type=APP).first() if settings.SITE_ENV == "local" else None
    return second_factors.code_now(app, at=moment_of(user)) if app else ""
