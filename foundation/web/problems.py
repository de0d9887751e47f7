"""Problem details (RFC 9457): one handler maps refusals and the framework's errors to one shape."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from foundation.refusals import Refusal

CONTENT_TYPE = "application/problem+json"
TYPE = "/api/v1/problems/"

# The framework's exceptions by our stable codes.
CODES: dict[type[Exception], str] = {
    Http404: "not_found",
    exceptions.NotFound: "not_found",
    PermissionDenied: "forbidden",
    exceptions.PermissionDenied: "forbidden",
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.AuthenticationFailed: "not_authenticated",
    exceptions.ParseError: "malformed",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.Throttled: "too_many_requests",
    exceptions.ValidationError: "invalid",
}


def titles() -> dict[str, str]:
    """Return the sentence of each code of the framework's errors, in the reader's language."""
    return {
        "not_found": _("There is no such thing here."),
        "forbidden": _("You may not do this."),
        "not_authenticated": _("Please sign in, or send a valid token."),
        "malformed": _("The request can't be read."),
        "unsupported_media_type": _("This media type is not supported."),
        "not_acceptable": _("No representation fits the Accept header."),
        "method_not_allowed": _("This method is not allowed here."),
        "too_many_requests": _("Too many requests. Please wait a moment."),
        "invalid": _("Some of the input is not valid."),
        "unavailable": _("The service is not available just now. Please try again."),
        "failed": _("Something went wrong on our side"),
    }


def problem(
    request: HttpRequest,
    *,
    code: str,
    http_status: int,
    title: str,
    detail: str = "",
    errors: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    """Return the body of a problem: type, title, status, detail, instance, code, requestId, errors."""
    body: dict[str, Any] = {
        "type": f"{TYPE}{code}",
        "title": title,
        "status": http_status,
        "detail": detail or title,
        "instance": request.path,
        "code": code,
        "requestId": request.META.get("HTTP_X_REQUEST_ID", ""),
    }
    if errors:
        body["errors"] = errors
    return body


def flatten(detail: Any, pointer: str = "") -> list[dict[str, str]]:
    """Flatten a validation error's tree into {pointer, code, detail}, pointers as in RFC 6901."""
    if isinstance(detail, dict):
        return [
            error
            for key, value in detail.items()
            for error in flatten(value, pointer if key == "non_field_errors" else f"{pointer}/{key}")
        ]
    if isinstance(detail, list):
        nested = any(isinstance(item, dict | list) for item in detail)
        return [
            error
            for index, item in enumerate(detail)
            for error in flatten(item, f"{pointer}/{index}" if nested else pointer)
        ]
    return [{"pointer": pointer or "/", "code": getattr(detail, "code", "invalid"), "detail": str(detail)}]


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an API view's exception as a problem; what is no refusal and no framework error stays a 500."""
    request = context["request"]
    if isinstance(error, Refusal):
        errors = [{"pointer": f"/{error.field}", "code": error.code, "detail": str(error)}] if error.field else None
        body = problem(request, code=error.code, http_status=error.status, title=str(error), errors=errors)
        wait = {"Retry-After": str(error.retry_after_seconds)} if error.retry_after_seconds else None
        return Response(body, status=error.status, headers=wait, content_type=CONTENT_TYPE)
    response = exception_handler(error, context)
    if response is None:
        return None
    code = next((code for kind, code in CODES.items() if isinstance(error, kind)), "refused")
    title = titles().get(code, str(error))
    invalid = isinstance(error, exceptions.ValidationError)
    detail = "" if invalid or code == "not_found" else str(getattr(error, "detail", ""))
    response.data = problem(
        request,
        code=code,
        http_status=response.status_code,
        title=title,
        detail=detail,
        errors=flatten(error.detail) if invalid else None,
    )
    response.content_type = CONTENT_TYPE
    return response


def not_found(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
    """Answer an address under the API that leads nowhere."""
    body = problem(request, code="not_found", http_status=status.HTTP_404_NOT_FOUND, title=titles()["not_found"])
    return JsonResponse(body, status=status.HTTP_404_NOT_FOUND, content_type=CONTENT_TYPE)
