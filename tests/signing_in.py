"""Signing in with a second factor, as a person with an authenticator app does: the one way of every test that needs it."""

import time

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from django.http import HttpResponse
from django.test import Client

from foundation.access.second_factors import APP, STEP_SECONDS
from foundation.jobs import clock
from tests.factories import PASSWORD

LOGIN, SECOND_STEP = "/accounts/login/", "/accounts/2fa/"


def code_for(username: str) -> str:
    """Return a code of the user's app that has not been used; waits for one where the last two were."""
    app = Authenticator.objects.get(user__username=username, type=APP)
    used = app.data.get("used", -1)
    while used > (now := int(clock.now().timestamp()) // STEP_SECONDS):
        time.sleep(1)
    return format_hotp_value(hotp_value(decrypt(app.data["secret"]), max(now, used + 1)))


def sign_in(client: Client, username: str, *, password: str = PASSWORD, then: str = "") -> HttpResponse:
    """Sign in by password and, where it is asked for, by the app's code; return the answer that leads on."""
    answer = client.post(f"{LOGIN}?next={then}" if then else LOGIN, {"login": username, "password": password})
    if answer.status_code == 302 and answer["Location"] == SECOND_STEP:
        answer = client.post(SECOND_STEP, {"code": code_for(username)})
    return answer
