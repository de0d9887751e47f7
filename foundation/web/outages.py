"""While the database restarts or is full: 503 with Retry-After, never a 500; nothing was written (reliability.md C10, C12)."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.views import defaults

from foundation.web import problems

CODE = "unavailable"
STATUS = 503
RETRY_AFTER_SECONDS = "5"
# 53: no disk, memory or connection left; 57P01, 57P02, 57P03: shutting down, crashed, starting; 08: the line is cut.
STATES = ("53", "57P0", "08")


def is_outage(error: BaseException | None) -> bool:
    """Say whether it is the database that is away, so that the same request may well succeed in a moment."""
    if isinstance(error, InterfaceError):  # the connection was closed under us
        return True
    if not isinstance(error, OperationalError):
        return False
    state = getattr(error.__cause__, "pgcode", None)
    return state is None or state.startswith(STATES)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what no view and no middleware caught: 503 for an outage, as a problem under the API; else the page of a 500."""
    if not is_outage(sys.exc_info()[1]):
        return defaults.server_error(request)
    response: HttpResponse
    if request.path.startswith("/api/"):
        body = problems.problem(request, code=CODE, http_status=STATUS, title=problems.titles()[CODE])
        response = JsonResponse(body, status=STATUS, content_type=problems.CONTENT_TYPE)
    else:
        response = HttpResponse(loader.get_template("503.html").render(), status=STATUS)
    response["Retry-After"] = RETRY_AFTER_SECONDS
    return response
