"""What every request carries: an id to find it by, and the actor behind it."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from foundation.actors import Actor

ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{8,64}\Z")


def request_ids(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Keep the caller's X-Request-ID when it is plain, else make one; echo it. The logs bind the same id."""

    def identified(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request.META["HTTP_X_REQUEST_ID"] = given if ACCEPTED_ID.match(given) else str(uuid.uuid4())
        response = get_response(request)
        response["X-Request-ID"] = request.META["HTTP_X_REQUEST_ID"]
        return response

    return identified


def actor(request: HttpRequest) -> Actor:
    """Return who acts in this request: the signed-in user, or the system client that holds the token."""
    # A client-credentials token stands for a system: it brings no user.
    user = request.user if request.user and request.user.is_authenticated else None
    token = getattr(request, "auth", None)
    client = getattr(token, "application", None)
    return Actor(
        user=user,
        system="" if user else f"client {client.name}"[:60] if client else "anonymous",
        address=request.META.get("REMOTE_ADDR") or None,
        request_id=request.META.get("HTTP_X_REQUEST_ID", ""),
    )
