"""The Idempotency-Key of a request that moves value, read at the edge; and the answer, sent with the mark of a replay."""

import datetime
import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from foundation.access.scopes import is_of_an_app
from foundation.idempotency import answering
from foundation.refusals import Refusal

HEADER = "Idempotency-Key"
KEY = re.compile(r"^[A-Za-z0-9._:~+/=-]{1,100}\Z")
REPLAYED = "Idempotency-Replayed"
PARAMETERS = [
    OpenApiParameter(
        HEADER,
        str,
        OpenApiParameter.HEADER,
        required=True,
        description="1 to 100 letters, digits or ._:~+/=- of the caller's own making, such as a UUID. The same request under the same"
        " key within 72 hours gets the first answer again, with Idempotency-Replayed: true.",
    ),
    OpenApiParameter(
        REPLAYED,
        str,
        OpenApiParameter.HEADER,
        response=[200, 201],
        enum=["true"],
        description="Where the answer is the first one again.",
    ),
]


class IdempotencyKeyMissing(Refusal):
    code = "idempotency_key_missing"
    status = 400
    sentence = _("This request moves value: send an Idempotency-Key with it.")


class IdempotencyKeyMalformed(Refusal):
    code = "idempotency_key_malformed"
    status = 400
    sentence = _("An idempotency key is 1 to 100 letters, digits or ._:~+/=- signs.")


def key_of(request: Request) -> str:
    """Return the request's key, with or without the quotes that structured fields have; refuses one missing or malformed."""
    given = request.headers.get(HEADER)
    if given is None:
        raise IdempotencyKeyMissing
    key = given[1:-1] if len(given) > 2 and given[0] == given[-1] == '"' else given
    if not KEY.match(key):
        raise IdempotencyKeyMalformed
    return key


def asked(
    request: Request, *, member_id: int, route: str, content: Mapping[str, Any], at: datetime.datetime
) -> answering.Request:
    """Return a request under its key, for `transactions.commit(…, idempotency=…)`; `content` is its validated body and address."""
    return answering.Request(
        caller=caller_of(request),
        member_id=member_id,
        route=route,
        key=key_of(request),
        fingerprint=answering.fingerprint(content),
        at=at,
    )


def caller_of(request: Request) -> str:
    """Return who calls, as keys are scoped by: the system client that holds the token, or the signed-in user."""
    client = None if is_of_an_app(request.auth) else getattr(request.auth, "application_id", None)
    return f"client {client}" if client else f"user {request.user.pk}"


def answer(status: int, data: Any) -> answering.Answer:
    """Return an answer of plain data, as it will be kept and sent."""
    return answering.Answer(status=status, body=JSONRenderer().render(data).decode())


def sent(answered: answering.Answer) -> HttpResponse:
    """Return the response that carries an answer, the first time or again."""
    response = HttpResponse(answered.body, status=answered.status, content_type="application/json")
    if answered.replayed:
        response[REPLAYED] = "true"
    return response
