"""When the database is away: 503 with Retry-After on every door, and nothing half-done (reliability.md C10)."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.views.defaults import server_error

from foundation.transactions import Again
from foundation.web.problems import CONTENT_TYPE, problem, titles

RETRY_AFTER_SECONDS = 5
API = "/api/"
# Classes and codes of a server that is going, gone or full: 08 connection exception, 53 no disk, memory or connection left,
# 57P01 to 57P03 shutting down, crashed, starting up. And what `transactions.commit` has asked for again and again, in vain: 40001
# serialization failure, 40P01 deadlock.
AWAY = ("08", "53", "57P01", "57P02", "57P03", "40001", "40P01")


def is_database_away(error: BaseException | None) -> bool:
    """Tell whether an error says that the database can't be reached, or had too much of one thing to do: asking again may help.

    Another code of its own is an answer of the database.
    """
    if isinstance(error, Again):
        return True
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    code = getattr(error.__cause__, "pgcode", None)
    return code is None or code.startswith(AWAY)


def failed(request: HttpRequest) -> HttpResponse:
    """Answer what no view has caught (Django's handler500): 503 where the database is away, else 500; the API in problems."""
    away = is_database_away(sys.exc_info()[1])
    status, code = (503, "unavailable") if away else (500, "failed")
    if request.path.startswith(API):
        body = problem(request, code=code, http_status=status, title=titles()[code])
        response: HttpResponse = JsonResponse(body, status=status, content_type=CONTENT_TYPE)
    elif away:
        response = HttpResponse(loader.render_to_string("503.html"), status=status)
    else:
        response = server_error(request)
    if away:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response["Cache-Control"] = "no-store"
    return response
