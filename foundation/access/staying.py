"""Staying signed in: when a session ends by itself, and what staff do before anything else: enrol a second factor."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from foundation import transactions
from foundation.access import arriving
from foundation.access.models import User
from foundation.access.signing_in import DEVICE, KEPT
from foundation.jobs import clock
from foundation.refusals import Refusal
from foundation.web import problems

# A session is written to at most once in so many seconds, the list of devices in so many.
TOUCHED_EVERY, SEEN_EVERY = 60, 300
# Where staff without a second factor may go.
OPEN = ("/security/", "/accounts/", "/i18n/", "/static/")
DEVICE_DAYS = 400


class SecondFactorRequired(Refusal):
    code = "second_factor_required"
    status = 403
    sentence = _("Staff sign in with a second factor: add one at /security/ first.")


def guard(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """End sessions that were idle or lasted too long; send staff without a second factor to get one; remember the browser."""

    def guarded(request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            _touch(request)
            if refused := _without_factor(request):
                return refused
        response = get_response(request)
        if token := getattr(request, DEVICE, ""):
            response.set_cookie(
                settings.DEVICE_COOKIE_NAME,
                token,
                max_age=DEVICE_DAYS * 86_400,
                httponly=True,
                samesite="Lax",
                secure=settings.PRODUCTION,
            )
        return response

    return guarded


def minutes_of(user: User) -> tuple[int, int]:
    """Return after how many idle minutes, and after how many in all, a session of the user ends."""
    idle, absolute = settings.STAFF_SESSION_MINUTES if user.is_staff else settings.MEMBER_SESSION_MINUTES
    return idle, absolute


def _touch(request: HttpRequest) -> None:
    kept: dict[str, Any] | None = request.session.get(KEPT)
    if kept is None:
        return
    user: Any = request.user  # signed in, or nothing were kept
    now, (idle, absolute) = int(time.time()), minutes_of(user)
    if now - kept["seen"] > 60 * idle or now - kept["began"] > 60 * absolute:
        logout(request)
        return
    if now - kept["seen"] >= TOUCHED_EVERY:
        request.session[KEPT] = kept | {"seen": now}
    if now // SEEN_EVERY != kept["seen"] // SEEN_EVERY:
        transactions.commit(arriving.see, sign_in_id=kept["id"], at=clock.now())


def _without_factor(request: HttpRequest) -> HttpResponse | None:
    """Return where staff without a second factor go instead, superusers too; a problem where a program asks."""
    user: Any = request.user
    if not (user.is_authenticated and user.is_staff) or user.has_factor or request.path.startswith(OPEN):
        return None
    if request.path.startswith("/api/"):
        missing = SecondFactorRequired()
        body = problems.problem(request, code=missing.code, http_status=missing.status, title=str(missing))
        return JsonResponse(body, status=missing.status, content_type=problems.CONTENT_TYPE)
    following = request.get_full_path() if request.method == "GET" else reverse("admin:index")
    return redirect(f"{reverse('security:begin')}?{urlencode({'next': following})}")
