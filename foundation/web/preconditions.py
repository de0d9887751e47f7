"""ETag and If-Match (RFC 9110): who changes something says which state of it he read."""

import re

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from foundation.refusals import Refusal

TAG = re.compile(r'"([0-9a-f]{32})"')
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description="The ETag of what was read, or * for any."
)
ETAG = OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200], description="Names this state.")


class PreconditionRequired(Refusal):
    code = "precondition_required"
    status = 428
    sentence = _("Say by If-Match which state you read: send the ETag of your last reading.")


def seen(request: Request) -> str | None:
    """Return the tag in If-Match, None for any state (*); refuses precondition_required. A tag that was never ours matches nothing."""
    given = request.headers.get("If-Match", "").strip()
    if not given:
        raise PreconditionRequired
    found = TAG.fullmatch(given)
    return None if given == "*" else found[1] if found else ""
